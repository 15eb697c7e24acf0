"""Intervals for figures that come from a finite test set."""

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from models.card import Estimate

RESAMPLES = 1000
Labels = npt.NDArray[np.int64]


def wilson(correct: int, rows: int) -> Estimate:
    """Return a share with its Wilson score interval, 95 % (Wilson 1927)."""
    interval = binomtest(correct, rows).proportion_ci(0.95, "wilson")
    return Estimate(value=correct / rows, low=float(interval.low), high=float(interval.high))


def macro_f1(gold: Labels, given: Labels, classes: int, seed: int = 0) -> Estimate:
    """Return the mean of the classes' F1 with its percentile bootstrap interval, 95 %, over the rows."""
    generator = np.random.default_rng(seed)
    draws = [_f1(gold[rows], given[rows], classes) for rows in generator.integers(len(gold), size=(RESAMPLES, len(gold)))]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value=_f1(gold, given, classes), low=float(low), high=float(high))


def _f1(gold: Labels, given: Labels, classes: int) -> float:
    hits = np.bincount(gold[gold == given], minlength=classes)
    either = np.bincount(gold, minlength=classes) + np.bincount(given, minlength=classes)
    present = either > 0  # a class that a resample neither holds nor predicts has no F1
    return float((2 * hits[present] / either[present]).mean())


def tango(lost: float, won: float, rows: int, alpha: float) -> tuple[float, float]:
    """Return the score interval, 1 - alpha, for the difference of two paired proportions (lost - won) / rows (Tango 1998, Statistics in Medicine 17).

    It holds its level where Wald's breaks down: with few or no discordant rows.
    """
    quantile = float(norm.ppf(1 - alpha / 2))

    def excess(difference: float) -> float:
        """Return the score statistic's distance from zero, signed."""
        linear = -lost - won + (2 * rows - lost + won) * difference
        constant = -won * difference * (1 - difference)
        nuisance = (math.sqrt(max(linear**2 - 8 * rows * constant, 0.0)) - linear) / (4 * rows)
        variance = rows * (2 * nuisance + difference * (1 - difference))
        distance = lost - won - rows * difference
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0

    estimate = (lost - won) / rows
    edge = 1 - 1e-9
    low = brentq(lambda value: _clipped(excess(value) - quantile), -edge, estimate) if estimate > -edge else -1.0
    high = brentq(lambda value: _clipped(excess(value) + quantile), estimate, edge) if estimate < edge else 1.0
    return float(low), float(high)


def mcnemar(lost: int, won: int) -> float:
    """Return the exact two-sided p of McNemar's test: a fair coin over the discordant rows."""
    return float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given (Holm 1979)."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[number] * (len(p_values) - place)))
        adjusted[number] = highest
    return adjusted


def _clipped(value: float) -> float:
    return max(-1e6, min(1e6, value))
