"""The gate: may a variant take the teacher's place? Judged on the same test rows, as a non-inferiority question."""

from dataclasses import dataclass

import numpy as np

from models.card import Verdict
from models.recipe import Gate
from models.statistics import Labels, mcnemar, tango

LARGEST_TEST = 10_000_000  # rows; a question that this many do not decide is not decided by any test set


@dataclass(frozen=True)
class Paired:
    """On how many of the rows only the one or only the other is right."""

    lost: int
    won: int
    rows: int


def pair(gold: Labels, teacher: Labels, variant: Labels) -> Paired:
    """Count the discordant rows of two classifiers."""
    right, also = teacher == gold, variant == gold
    return Paired(int(np.sum(right & ~also)), int(np.sum(~right & also)), len(gold))


def judge(counts: Paired, gate: Gate) -> Verdict:
    """Say *passed* (the upper bound is below the margin), *worse* (significant and beyond the margin) or *undecided*."""
    margin = gate.max_drop / 100
    drop = (counts.lost - counts.won) / counts.rows
    low, high = tango(counts.lost, counts.won, counts.rows, gate.alpha)
    verdict = _verdict(drop, low, high, margin)
    return Verdict(
        verdict=verdict,
        margin=margin,
        alpha=gate.alpha,
        drop=drop,
        low=low,
        high=high,
        lost=counts.lost,
        won=counts.won,
        mcnemar_p=mcnemar(counts.lost, counts.won),
        rows_to_decide=rows_to_decide(counts, gate) if verdict == "undecided" else 0,
    )


def rows_to_decide(counts: Paired, gate: Gate) -> int:
    """Return how many test rows would decide, if the variant went on to win and lose rows at the present rates."""
    margin, least, most = gate.max_drop / 100, counts.rows, LARGEST_TEST
    while least < most:
        rows = (least + most) // 2
        scale = rows / counts.rows
        lost, won = counts.lost * scale, counts.won * scale
        low, high = tango(lost, won, rows, gate.alpha)
        if _verdict((lost - won) / rows, low, high, margin) == "undecided":
            least = rows + 1
        else:
            most = rows
    return least


def _verdict(drop: float, low: float, high: float, margin: float) -> str:
    if high < margin:
        return "passed"
    return "worse" if low > 0 and drop > margin else "undecided"
