"""What a finished variant answered, row by row: kept beside its card, so that every table and picture can be drawn again."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from models.card import write_json
from models.statistics import Labels

EVIDENCE_FILE = "evidence.json"


class Evidence(BaseModel):
    """Label numbers and confidences on the test rows, at batch 1; labels under perturbations; confidences on out-of-scope texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    given: list[int]
    confidence: list[float]
    uncalibrated: list[float]
    typos: list[int]
    other_case: list[int]
    out_of_scope: list[float]

    @property
    def labels(self) -> Labels:
        """The labels given, as an array."""
        return np.array(self.given, dtype=np.int64)


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Keep the evidence in a variant's folder."""
    write_json(folder / EVIDENCE_FILE, evidence.model_dump(mode="json"))


def read_evidence(folder: Path) -> Evidence:
    """Read what `write_evidence` kept."""
    return Evidence.model_validate_json((folder / EVIDENCE_FILE).read_bytes())
