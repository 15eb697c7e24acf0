"""How many times as fast: the median of the ratios that the rounds give, with an interval that assumes no distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scipy.special import bdtr  # the binomial distribution's cumulative probability; scipy.stats takes a second to import

LEVEL = 0.95


@dataclass(frozen=True)
class Factor:
    """A median ratio with its interval, the probability with which such an interval holds the true median, and the ratios of the rounds at either end."""

    value: float
    low: float
    high: float
    level: float
    least: float
    greatest: float

    @property
    def holds_one(self) -> bool:
        """Whether 1.00 lies within the interval, at the two decimals that tables print."""
        return round(self.low, 2) <= 1 <= round(self.high, 2)

    @property
    def contradicted(self) -> bool:
        """Whether the interval says faster, or slower, and some round the opposite: many rounds leave the outermost out."""
        return (self.low > 1 > self.least) or (self.high < 1 < self.greatest)


def factor(slower: Sequence[float], faster: Sequence[float]) -> Factor:
    """Return slower over faster, round by round: the narrowest interval between order statistics that holds the median in 95 % of cases.

    Where the rounds are too few for that, as five are, it runs from the least ratio to the greatest, at the level that these have (93.75 % of five).
    """
    ratios = sorted(a / b for a, b in zip(slower, faster, strict=True))
    cut = max((cut for cut in range(len(ratios) // 2) if _level(cut, len(ratios)) >= LEVEL), default=0)
    return Factor(median(ratios), ratios[cut], ratios[-1 - cut], _level(cut, len(ratios)), ratios[0], ratios[-1])


def _level(cut: int, rounds: int) -> float:
    """Return how surely the median lies between the ratios when `cut` of them are left out at either end: a fair coin a round."""
    return 1 - 2 * float(bdtr(cut, rounds, 0.5))
