"""How much faster: the ratio of two variants' times, with the interval that the rounds give it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit  # the t distribution's quantile; scipy.stats takes a second to import


@dataclass(frozen=True)
class Ratio:
    """A ratio and its 95 % interval; above 1 is faster than the baseline."""

    value: float
    low: float
    high: float


def speed_ratio(baseline: Sequence[float], times: Sequence[float]) -> Ratio | None:
    """Return baseline over times, round by round: a t-interval on the log, since ratios multiply (None below two rounds)."""
    logs = [math.log(slow / fast) for slow, fast in zip(baseline, times, strict=True)]
    if len(logs) < 2:
        return None
    half = float(stdtrit(len(logs) - 1, 0.975)) * stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(fmean(logs)), math.exp(fmean(logs) - half), math.exp(fmean(logs) + half))
