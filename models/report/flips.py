"""The flip list: the test texts whose label changed from the teacher's, most confident first."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from models.report.build_results import BuildResults, VariantResults
from models.runtime.files import replaced

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


def flips(results: BuildResults, result: VariantResults) -> list[Flip]:
    """Return what a variant labels otherwise than the teacher, most confident first."""
    teacher, given = results.teacher.predictions.given, result.predictions.given
    changed = [row for row in range(len(given)) if given[row] != teacher[row]]
    changed.sort(key=lambda row: (-result.predictions.confidence[row], row))
    names = results.labels
    return [
        Flip(
            results.texts[row],
            names[results.gold[row]],
            names[teacher[row]],
            names[given[row]],
            result.predictions.confidence[row],
        )
        for row in changed
    ]


def write_flips(file: Path, listed: list[Flip]) -> None:
    """Write them as CSV, the texts as they are."""
    with replaced(file, newline="") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(Flip)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(flip) for flip in listed)
