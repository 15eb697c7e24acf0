"""The flip list: the test texts whose label changed from the teacher's, most confident first."""

import csv
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from models.findings import Finding, Findings

FLIPS_FILE = "flips.csv"


@dataclass(frozen=True)
class Flip:
    """One text that two classifiers label differently; the confidence is the variant's, calibrated."""

    text: str
    gold: str
    teacher: str
    variant: str
    confidence: float

    @property
    def outcome(self) -> str:
        """What the change did to the accuracy."""
        return {self.teacher: "lost", self.variant: "won"}.get(self.gold, "wrong in both")


def flips(findings: Findings, finding: Finding) -> list[Flip]:
    """Return what a variant labels otherwise than the teacher, most confident first."""
    teacher, given = findings.teacher.evidence.given, finding.evidence.given
    changed = [row for row in range(len(given)) if given[row] != teacher[row]]
    changed.sort(key=lambda row: (-finding.evidence.confidence[row], row))
    names = findings.labels
    return [Flip(findings.texts[row], names[findings.gold[row]], names[teacher[row]], names[given[row]], finding.evidence.confidence[row]) for row in changed]


def write_flips(file: Path, listed: list[Flip]) -> None:
    """Write them as CSV, the texts as they are."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(Flip)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(flip) for flip in listed)
    draft.replace(file)
