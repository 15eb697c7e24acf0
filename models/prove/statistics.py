"""Intervals for figures that come from a finite test set."""

import math

import numpy as np
import numpy.typing as npt

from models.prove.distributions import NORMAL, binomial_cdf, root
from models.runtime.card import Estimate

RESAMPLES = 1000
Labels = npt.NDArray[np.int64]


def wilson(correct: int, rows: int) -> Estimate:
    """Return a share with its Wilson score interval, 95 % (Wilson 1927)."""
    share, squared = correct / rows, NORMAL.inv_cdf(0.975) ** 2 / rows
    middle, reach = share + squared / 2, math.sqrt(squared * (share * (1 - share) + squared / 4))
    low, high = ((middle + side) / (1 + squared) for side in (-reach, reach))
    return Estimate(value=share, low=low if correct else 0.0, high=high if correct < rows else 1.0)


def clopper_pearson(events: int, rows: int, confidence: float) -> float:
    """Return the exact upper bound of a share of which `events` of `rows` were seen (Clopper and Pearson 1934)."""
    if events >= rows:
        return 1.0
    return root(lambda share: binomial_cdf(events, rows, share) - (1 - confidence), events / rows, 1.0)


def macro_f1(gold: Labels, given: Labels, classes: int, seed: int = 0) -> Estimate:
    """Return the mean of the classes' F1 with its percentile bootstrap interval, 95 %, over the rows.

    Rows of the same two labels count alike, so a resample is a multinomial draw of how often each pair of labels comes
    up.
    """
    pairs, counts = np.unique(np.stack([gold, given]), axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    draws = [_f1(pairs, generator.multinomial(len(gold), counts / len(gold)), classes) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value=_f1(pairs, counts, classes), low=float(low), high=float(high))


def _f1(pairs: Labels, counts: Labels, classes: int) -> float:
    gold, given = pairs
    hits = np.bincount(gold, np.where(gold == given, counts, 0), classes)
    either = np.bincount(gold, counts, classes) + np.bincount(given, counts, classes)
    present = either > 0  # a class that a resample neither holds nor predicts has no F1
    return float((2 * hits[present] / either[present]).mean())


def tango(lost: int, won: int, rows: int, alpha: float) -> tuple[float, float]:
    """Return the score interval, 1 - alpha, for the difference of two paired proportions (lost - won) / rows (Tango
    1998, Statistics in Medicine 17).

    It holds its level where Wald's breaks down: with few or no discordant rows.
    """
    quantile = NORMAL.inv_cdf(1 - alpha / 2)
    estimate, edge = (lost - won) / rows, 1 - 1e-9
    low = root(lambda value: _score(lost, won, rows, value) - quantile, -edge, estimate) if estimate > -edge else -1.0
    high = root(lambda value: _score(lost, won, rows, value) + quantile, estimate, edge) if estimate < edge else 1.0
    return low, high


def inferiority(lost: int, won: int, rows: int, margin: float) -> float:
    """Return the one-sided p of Tango's score test that the difference is `margin` or more: below alpha / 2 where his
    interval ends below the margin.
    """
    return NORMAL.cdf(_score(lost, won, rows, margin))


def rows_for_power(lost: float, won: float, margin: float, alpha: float, power: float) -> float:
    """Return how many rows take the margin out of Tango's interval with this probability, where so large shares of them
    are lost and won.
    """
    difference = lost - won
    if difference == margin:
        return math.inf
    at_margin, as_it_is = _variance(lost, won, 1, margin), lost + won - difference**2
    reach = NORMAL.inv_cdf(1 - alpha / 2) * math.sqrt(at_margin) + NORMAL.inv_cdf(power) * math.sqrt(as_it_is)
    return (reach / (difference - margin)) ** 2


def _score(lost: float, won: float, rows: int, difference: float) -> float:
    """Return the score statistic of a difference: how many standard errors the one that was seen lies above it."""
    variance = _variance(lost, won, rows, difference)
    distance = lost - won - rows * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0


def _variance(lost: float, won: float, rows: int, difference: float) -> float:
    """Return the variance of lost - won at a difference, the share of wins its most likely one there (Tango 1998,
    section 3).
    """
    linear = -lost - won + (2 * rows - lost + won) * difference
    constant = -won * difference * (1 - difference)
    nuisance = (math.sqrt(max(linear**2 - 8 * rows * constant, 0.0)) - linear) / (4 * rows)
    return rows * (2 * nuisance + difference * (1 - difference))


def mcnemar(lost: int, won: int) -> float:
    """Return the exact two-sided p of McNemar's test: a fair coin over the discordant rows."""
    return min(1.0, 2 * binomial_cdf(min(lost, won), lost + won, 0.5))


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given (Holm 1979)."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[number] * (len(p_values) - place)))
        adjusted[number] = highest
    return adjusted
