"""A finished build read back from its files: what every table and picture of it is drawn from (no torch)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.card import Card, read_card
from models.corpus import CORPUS_FILE
from models.errors import BonsaiError
from models.evidence import Evidence, read_evidence
from models.measure import MEASURED_FILE
from models.statistics import Labels
from models.store import BUILD_COMMAND, Build, read_build

OUT = Path("variants")
REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Finding:
    """One variant: its card, what it answered row by row, and how long one text takes on average on this machine."""

    card: Card
    evidence: Evidence
    mean_ms: float
    conditions: dict[str, Any]

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.card.name

    @property
    def verdict(self) -> str:
        """The gate's word on it; the teacher is what the others are held against."""
        return self.card.gate.verdict if self.card.gate else "reference"


@dataclass(frozen=True)
class Findings:
    """One build: the test rows, the labels by number, and a finding for every variant, the teacher first."""

    build: Build
    labels: tuple[str, ...]
    texts: list[str]
    gold: Labels
    variants: list[Finding]

    @property
    def teacher(self) -> Finding:
        """What the others are held against."""
        return self.variants[0]

    @property
    def judged(self) -> list[Finding]:
        """All but the teacher."""
        return self.variants[1:]


def read_findings(out: Path) -> Findings:
    """Read a build's folder (BonsaiError when a file is missing, is no file of ours or belongs to another build)."""
    build = read_build(out)
    try:
        names = json.loads((out / next(iter(build.variants)) / "config.json").read_text(encoding="utf-8"))["id2label"]
        labels = tuple(str(names[number]) for number in sorted(names, key=int))
        with (out / CORPUS_FILE).open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]  # not splitlines(), which also parts a text at U+2028
        gold = np.array([labels.index(row["label"]) for row in rows], dtype=np.int64)
        variants = [_read_finding(out / name) for name in build.variants]
    except (OSError, ValueError, KeyError) as error:
        raise BonsaiError(f"the build in '{out}' is not whole ({' '.join(str(error).split())}); run '{BUILD_COMMAND}' again") from error
    for finding in variants:
        if not build.variants[finding.name].tag.endswith(finding.card.version) or len(finding.evidence.given) != len(rows):
            raise BonsaiError(f"'{out / finding.name}' belongs to another build than '{out}'; run '{BUILD_COMMAND}' again")
    return Findings(build, labels, [row["text"] for row in rows], gold, variants)


def _read_finding(folder: Path) -> Finding:
    measured = json.loads((folder / MEASURED_FILE).read_text(encoding="utf-8"))
    return Finding(read_card(folder), read_evidence(folder), float(measured["mean_ms"]), measured["conditions"])
