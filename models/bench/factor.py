"""How many times as fast: the geometric mean of the ratios that the rounds give, with the t interval of their
logarithms, as the load test has it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit  # the t distribution's quantile; scipy.stats takes a second to import

LEVEL = 0.95


@dataclass(frozen=True)
class Factor:
    """A mean ratio with its 95 % interval, and the ratios of the rounds at either end."""

    value: float
    low: float
    high: float
    least: float
    greatest: float

    @property
    def holds_one(self) -> bool:
        """Whether 1.00 lies within the interval, at the two decimals that tables print."""
        return round(self.low, 2) <= 1 <= round(self.high, 2)

    @property
    def contradicted(self) -> bool:
        """Whether the interval says faster, or slower, and some round the opposite."""
        return (self.low > 1 > self.least) or (self.high < 1 < self.greatest)


def factor(slower: Sequence[float], faster: Sequence[float]) -> Factor:
    """Return slower over faster, round by round; one round alone has no interval but itself."""
    logs = [math.log(a / b) for a, b in zip(slower, faster, strict=True)]
    mean, rounds = fmean(logs), len(logs)
    half = float(stdtrit(rounds - 1, (1 + LEVEL) / 2)) * stdev(logs) / math.sqrt(rounds) if rounds > 1 else 0.0
    return Factor(*(math.exp(log) for log in (mean, mean - half, mean + half, min(logs), max(logs))))
