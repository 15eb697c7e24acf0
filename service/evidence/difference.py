"""The verdict on an arm: better, not worse than the margin, worse, or undecided, from outcomes of control minus arm.

Three claims are bet against: "no drop" (drop <= 0), "drop >= margin" and "no gain" (drop >= 0). Each is refuted at
alpha / 2, as is usual for non-inferiority (ICH E9): then all three verdicts are read from one interval of level
1 - alpha, and what is said of better or worse is false in alpha of the experiments at most, all looks together.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from service.evidence.betting import LOG_WEIGHTS, log_capital, log_growth
from service.evidence.further import FEWEST, expected, shrunk
from service.evidence.inversion import bound
from service.evidence.mixture import Floats, e_value


class Verdict(StrEnum):
    """What is proven of an arm against the control."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    UNDECIDED = "undecided"


class Difference(NamedTuple):
    """What `n` outcomes say of the drop, control minus arm, in shares: e-values against "no drop", "the margin or more"
    and "no gain", and the further labels expected to a verdict (0: there is one, None: it cannot be said).
    """

    n: int
    drop: float
    low: float
    high: float
    e_no_drop: float
    e_margin: float
    e_gain: float
    verdict: Verdict
    further: int | None


def log_threshold(alpha: float) -> float:
    """Return the log capital that refutes a one-sided claim at alpha / 2."""
    return math.log(2 / alpha)


def judge(counts: Floats, values: Floats, *, margin: float, alpha: float) -> Difference:
    """Return the verdict on outcomes in [-1, 1] of which each value came up so often; a count may be a fraction."""
    enough = log_threshold(alpha)
    n = float(counts.sum())
    drop = float(counts @ values) / n if n else 0.0
    no_drop, no_gain = float(log_capital(counts, values, 0.0)), float(log_capital(counts, -values, 0.0))
    at_margin = float(log_capital(counts, -values, -margin))
    low = bound(lambda mean: bool(log_capital(counts, values, mean) >= enough), -1.0, drop, [0.0])
    high = -bound(lambda mean: bool(log_capital(counts, -values, mean) >= enough), -1.0, -drop, [-margin, 0.0])
    verdict = name(worse=no_drop >= enough, not_worse=at_margin >= enough, better=no_gain >= enough)
    further = _further(counts, values, margin, enough) if verdict is Verdict.UNDECIDED else 0
    return Difference(
        round(n),
        drop,
        low + 0.0,  # no -0.0
        high + 0.0,
        e_value(no_drop),
        e_value(at_margin),
        e_value(no_gain),
        verdict,
        further,
    )


def name(*, worse: bool, not_worse: bool, better: bool) -> Verdict:
    """Return the one word for what is proven.

    A small drop that is proven to be one, and proven to be less than the margin, is not worse: the margin says what
    the team gives away, as at the gate of the build.
    """
    if better:
        return Verdict.BETTER
    if not_worse:
        return Verdict.NOT_WORSE
    return Verdict.WORSE if worse else Verdict.UNDECIDED


def _further(counts: Floats, values: Floats, margin: float, enough: float) -> int | None:
    """Return the labels to the nearest of the three verdicts."""
    n = float(counts.sum())
    if n < FEWEST:
        return None
    both = np.concatenate([values, -values])
    nothing = np.zeros_like(counts)
    seen = np.concatenate([counts, nothing])
    shares = shrunk(seen / n, np.concatenate([nothing, counts]) / n, n)
    waits = []
    for outcomes, mean in ((both, 0.0), (-both, -margin), (-both, 0.0)):
        growth = log_growth(outcomes, mean)
        waits.append(expected(seen @ growth, shares @ growth, LOG_WEIGHTS, enough))
    return min((wait for wait in waits if wait is not None), default=None)
