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


def unpaired_ratio(before: Sequence[float], after: Sequence[float]) -> tuple[Interval, float] | None:
    """Return before over after of rounds that are no pairs, and its p value: Welch's t-test on the logs (None below two
    rounds of either).
    """
    if min(len(before), len(after)) < 2:
        return None
    logs = [[math.log(time) for time in times] for times in (before, after)]
    errors = [max(variance(those), EXACT) / len(those) for those in logs]
    error = math.sqrt(sum(errors))
    freedom = sum(errors) ** 2 / sum(one**2 / (len(those) - 1) for one, those in zip(errors, logs, strict=True))
    difference = fmean(logs[0]) - fmean(logs[1])
    half = float(stdtrit(freedom, 0.975)) * error
    return Interval(math.exp(difference), math.exp(difference - half), math.exp(difference + half)), 2 * float(
        stdtr(freedom, -abs(difference) / error)
    )
