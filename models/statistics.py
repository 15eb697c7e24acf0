"""Intervals for figures that come from a finite test set."""

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

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
