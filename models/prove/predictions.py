"""What a finished variant answered, row by row: kept beside its card, so that every table and picture can be drawn
again.
"""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from models.prove.statistics import Labels
from models.runtime.files import write_json

PREDICTIONS_FILE = "evidence.json"


class Predictions(BaseModel):
    """Label numbers and confidences on the test rows, at batch 1; labels under perturbations; confidences on
    out-of-scope texts.
    """

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


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Keep the predictions in a variant's folder."""
    write_json(folder / PREDICTIONS_FILE, predictions.model_dump(mode="json"))


def read_predictions(folder: Path) -> Predictions:
    """Read what `write_predictions` kept."""
    return Predictions.model_validate_json((folder / PREDICTIONS_FILE).read_bytes())
