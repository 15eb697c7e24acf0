"""How much faster: the ratio of two variants' times, with the interval that the rounds give it."""

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.special import stdtr, stdtrit  # the t distribution and its quantile; scipy.stats takes a second to import

from loadtest.rounds import Interval, over_rounds

EXACT = 1e-12  # of variances: clocks do not measure finer


def speed_ratio(baseline: Sequence[float], times: Sequence[float]) -> Interval | None:
    """Return baseline over times, round by round (None below two rounds); above 1 is faster than the baseline."""
    return over_rounds([slow / fast for slow, fast in zip(baseline, times, strict=True)])


def unpaired_ratio(before: Sequence[float], after: Sequence[float]) -> tuple[Interval, float] | None:
    """Return before over after of rounds that are no pairs, and its p value: Welch's t-test on the logs (None below two rounds of either)."""
    if min(len(before), len(after)) < 2:
        return None
    logs = [[math.log(time) for time in times] for times in (before, after)]
    errors = [max(variance(those), EXACT) / len(those) for those in logs]
    error = math.sqrt(sum(errors))
    freedom = sum(errors) ** 2 / sum(one**2 / (len(those) - 1) for one, those in zip(errors, logs, strict=True))
    difference = fmean(logs[0]) - fmean(logs[1])
    half = float(stdtrit(freedom, 0.975)) * error
    return Interval(math.exp(difference), math.exp(difference - half), math.exp(difference + half)), 2 * float(stdtr(freedom, -abs(difference) / error))
