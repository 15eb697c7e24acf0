"""The normal and the binomial distribution, and where a function is zero or least: what a verdict needs of them, in
plain NumPy.

scipy has all of this. It would more than double what an image without torch carries, for these few lines; and a variant
made there must get the same figures, to the last bit, as one made beside scipy, for its version is a hash over them.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
GOLDEN = (math.sqrt(5) - 1) / 2
STEPS = 200  # no interval of floating-point numbers is halved more often before it is that of two neighbours
Function = Callable[[float], float]


def binomial_cdf(events: int, trials: int, share: float) -> float:
    """Return how likely at most so many events are, in so many trials that each have this probability."""
    if events >= trials or share <= 0:
        return 1.0
    if events < 0 or share >= 1:
        return 0.0
    numbers = np.arange(events + 1)
    steps = np.log((trials - numbers[:-1]) / (numbers[:-1] + 1))
    ways = np.concatenate([[0.0], np.cumsum(steps)])  # the logarithm of trials over each number
    return min(1.0, float(np.exp(ways + numbers * math.log(share) + (trials - numbers) * math.log1p(-share)).sum()))


def root(function: Function, low: float, high: float) -> float:
    """Return where a function that falls from `low` to `high` passes zero."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def least(function: Function, low: float, high: float, tolerance: float) -> float:
    """Return where a function that falls and then rises is least (golden-section search, Kiefer 1953)."""
    first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    of_first, of_second = function(first), function(second)
    while high - low > tolerance:
        if of_first < of_second:
            high, second, of_second = second, first, of_first
            first = high - GOLDEN * (high - low)
            of_first = function(first)
        else:
            low, first, of_first = first, second, of_second
            second = low + GOLDEN * (high - low)
            of_second = function(second)
    return (low + high) / 2
