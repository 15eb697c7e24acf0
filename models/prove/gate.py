"""The gate: may a variant take the teacher's place? Judged on the same test rows, as a non-inferiority question."""

import math
from dataclasses import dataclass

import numpy as np

from models.prove.statistics import Labels, mcnemar, rows_for_power, tango
from models.recipe.recipe import Gate
from models.runtime.card import Verdict

# as trials are planned: so likely are the rows that would decide to do it; those where the interval just ends at the
# margin decide half of the time
POWER = 0.8
LARGEST_TEST = 100_000  # rows; what takes as many or more is not decided by any test set that people label


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
    """Say on which side of the margin the whole interval of the drop lies: *passed* below it, *worse* above it,
    *undecided* where the margin is inside.

    Both words are held to the same proof, so that each is as seldom wrong. A variant that is below its teacher beyond
    chance, but not shown to be so by more than the margin, is undecided: what the recipe allows it to lose is no reason
    to call it worse.
    """
    margin = gate.max_drop / 100
    low, high = tango(counts.lost, counts.won, counts.rows, gate.alpha)
    verdict = "passed" if high < margin else "worse" if low > margin else "undecided"
    return Verdict(
        verdict=verdict,
        margin=margin,
        alpha=gate.alpha,
        drop=(counts.lost - counts.won) / counts.rows,
        low=low,
        high=high,
        lost=counts.lost,
        won=counts.won,
        mcnemar_p=mcnemar(counts.lost, counts.won),
        rows_to_decide=rows_to_decide(counts, gate) if verdict == "undecided" else 0,
    )


def rows_to_decide(counts: Paired, gate: Gate) -> int:
    """Return how many test rows decide in four of five tests, if wins and losses went on at the present rates;
    LARGEST_TEST for as many or more.
    """
    rows = rows_for_power(counts.lost / counts.rows, counts.won / counts.rows, gate.max_drop / 100, gate.alpha, POWER)
    return LARGEST_TEST if rows >= LARGEST_TEST else math.ceil(rows)
