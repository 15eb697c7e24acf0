"""How a figure of one variant differs between two runs or two services, in one of three words, as its interval
allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadtest.numbers.intervals import Interval, holm

FASTER, SLOWER, NOT_RESOLVED = "faster", "slower", "not resolved"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """One figure of one variant: how many times as fast it is, and how likely chance alone would take it so far beyond
    the tolerance (None: the ratio's bounds are sure).
    """

    variant: str
    scenario: str
    figure: str
    ratio: Interval
    p: float | None
    tolerance: float = 0.0

    @property
    def verdict(self) -> str:
        """Say on which side of the tolerance the whole interval lies, if it still does among all that are compared."""
        if self.p is not None and self.p >= SIGNIFICANT:
            return NOT_RESOLVED
        if self.ratio.high < 1 - self.tolerance:
            return SLOWER
        return FASTER if self.ratio.low > 1 / (1 - self.tolerance) else NOT_RESOLVED


def together(changes: Sequence[Change]) -> list[Change]:
    """Return the changes with p values that hold for all of them together."""
    adjusted = iter(holm([change.p for change in changes if change.p is not None]))
    return [change if change.p is None else replace(change, p=next(adjusted)) for change in changes]


def is_slower(changes: Sequence[Change]) -> bool:
    """Say whether any is."""
    return any(change.verdict == SLOWER for change in changes)
