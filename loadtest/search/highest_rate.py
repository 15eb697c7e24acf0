"""The highest rate that a service sustains: bracketed by doubling and halving, then found by bisection."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import sqrt

CLOSE_ENOUGH = (
    1.15  # ratio of the lowest rate that failed to the highest that passed; the rounds after it settle the rest
)
LOWEST, HIGHEST = 0.5, 20_000.0


@dataclass(frozen=True)
class Found:
    """The search's answer: `passed` requests a second were sustained, `failed` were not (None: nothing offered was too
    much).
    """

    passed: float
    failed: float | None


def rates_to_try(first: float, lowest: float = LOWEST) -> Generator[float, bool, Found]:
    """Yield rates, be sent whether each was sustained, and return the answer."""
    passed, failed, rate = 0.0, None, min(max(first, lowest), HIGHEST)
    while True:
        if (yield rate):
            passed = max(passed, rate)
        else:
            failed = rate if failed is None else min(failed, rate)
        if failed is None:
            if rate >= HIGHEST:
                return Found(passed, None)
            rate = min(2 * rate, HIGHEST)
        elif not passed:
            if rate <= lowest:
                return Found(0.0, failed)
            rate = max(rate / 2, lowest)
        elif failed / passed <= CLOSE_ENOUGH:
            return Found(passed, failed)
        else:
            rate = sqrt(passed * failed)


def highest_rate(first: float, sustained: Callable[[float], bool | None], lowest: float = LOWEST) -> Found | None:
    """Search from a first guess, no lower than what can be judged; `sustained` tries a rate, and ends the search when
    it has no answer.
    """
    search = rates_to_try(first, lowest)
    rate = next(search)
    while True:
        answer = sustained(rate)
        if answer is None:
            return None
        try:
            rate = search.send(answer)
        except StopIteration as end:
            found: Found = end.value
            return found
