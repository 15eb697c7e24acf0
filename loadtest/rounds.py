"""What the rounds of a run say together: the mean of their figures, and an interval that comes from their spread alone.

The answers of one round share what machine and service did just then: however many they are, they are one witness.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit  # the t distribution's quantile; scipy.stats takes a second to import

FEWEST = 3  # rounds on which a claim is made; two have an interval, but t with one degree of freedom makes it useless


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval over rounds."""

    value: float
    low: float
    high: float


def over_rounds(values: Sequence[float]) -> Interval | None:
    """Return the geometric mean of a figure that each round gave, with a t-interval on its log: times and rates multiply (None below two rounds)."""
    if len(values) < 2 or min(values) <= 0:
        return None
    logs = [math.log(value) for value in values]
    half = float(stdtrit(len(logs) - 1, 0.975)) * stdev(logs) / math.sqrt(len(logs))
    return Interval(math.exp(fmean(logs)), math.exp(fmean(logs) - half), math.exp(fmean(logs) + half))
