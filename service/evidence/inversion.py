"""From a test of every claim to the claims that stand: a confidence bound."""

from collections.abc import Callable, Sequence

STEPS = 28  # of bisection: to a hundred-millionth, a millionth of a point


def bound(refuted: Callable[[float], bool], least: float, estimate: float, claims: Sequence[float] = ()) -> float:
    """Return the largest claim below the estimate that is refuted, as all below it are, or `least` where none is.

    The bound lies at or above one of `claims` exactly where that one is refuted: interval and verdict agree.
    """
    low, high = least, estimate
    for claim in claims:
        if low < claim and refuted(claim):
            low = claim
        elif low < claim < high:
            high = claim
    for _ in range(STEPS if low < high else 0):
        middle = (low + high) / 2
        if refuted(middle):
            low = middle
        else:
            high = middle
    return low
