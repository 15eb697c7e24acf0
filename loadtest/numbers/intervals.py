"""What the rounds of a run say together: a figure's mean, a ratio of two, and intervals that come from the rounds'
spread alone.

The answers of one round share what machine and service did just then: however many they are, they are one witness.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from scipy.special import stdtr, stdtrit  # the t distribution and its quantile; scipy.stats takes a second to import

FEWEST = 3  # rounds on which a claim is made; two have an interval, but t with one degree of freedom makes it useless
EXACT = 1e-12  # of variances: clocks do not measure finer


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval over rounds."""

    value: float
    low: float
    high: float


def over_rounds(values: Sequence[float]) -> Interval | None:
    """Return the geometric mean of a figure that each round gave, with a t-interval on its log: times and rates
    multiply (None below two rounds).
    """
    if len(values) < 2 or min(values) <= 0:
        return None
    logs = [math.log(value) for value in values]
    half = float(stdtrit(len(logs) - 1, 0.975)) * stdev(logs) / math.sqrt(len(logs))
    return Interval(math.exp(fmean(logs)), math.exp(fmean(logs) - half), math.exp(fmean(logs) + half))


def speed_ratio(baseline: Sequence[float], times: Sequence[float]) -> Interval | None:
    """Return baseline over times, round by round (None below two rounds); above 1 is faster than the baseline."""
    return over_rounds([slow / fast for slow, fast in zip(baseline, times, strict=True)])


def paired_ratio(before: Sequence[float], after: Sequence[float]) -> tuple[Interval, float] | None:
    """Return before over after, round by round, and the p value that it is 1: a t-test on the logs (None below two
    rounds).
    """
    if len(before) < 2:
        return None
    logs = [math.log(one / other) for one, other in zip(before, after, strict=True)]
    return _tested(fmean(logs), math.sqrt(max(variance(logs), EXACT) / len(logs)), len(logs) - 1, 0.0)


def unpaired_ratio(
    before: Sequence[float], after: Sequence[float], tolerance: float = 0.0
) -> tuple[Interval, float] | None:
    """Return before over after of rounds that are no pairs, and the p value that it differs from 1 by no more than a
    share: Welch's t-test on the logs (None below two rounds of either).
    """
    if min(len(before), len(after)) < 2:
        return None
    logs = [[math.log(time) for time in times] for times in (before, after)]
    errors = [max(variance(those), EXACT) / len(those) for those in logs]
    freedom = sum(errors) ** 2 / sum(one**2 / (len(those) - 1) for one, those in zip(errors, logs, strict=True))
    return _tested(fmean(logs[0]) - fmean(logs[1]), math.sqrt(sum(errors)), freedom, -math.log1p(-tolerance))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that hold for all of them together, in the order given (Holm 1979)."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted


def _tested(difference: float, error: float, freedom: float, margin: float) -> tuple[Interval, float]:
    """Return a ratio from the difference of logs; p is below 0.05 where the interval lies beyond the margin."""
    half = float(stdtrit(freedom, 0.975)) * error
    p = min(1.0, 2 * float(stdtr(freedom, (margin - abs(difference)) / error)))
    return Interval(math.exp(difference), math.exp(difference - half), math.exp(difference + half)), p
