"""Mixtures over bets: nobody knows the size of the effect beforehand, so the stake is spread over many guesses."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
POINTS = 40
SPREAD = 0.1  # share of the stake that lies evenly over all guesses, for effects that are smaller or larger than usual
LARGEST = 1e300  # an e-value beyond it is said as this: JSON knows no infinity


def guesses(smallest: float, largest: float, usual: float, width: float) -> tuple[Floats, Floats]:
    """Return guesses, evenly spaced on the log scale, and the logs of their weights: log-normal around the usual one,
    `width` in natural logs, with some weight everywhere.
    """
    logs = np.linspace(math.log(smallest), math.log(largest), POINTS)
    near = np.exp(-0.5 * ((logs - math.log(usual)) / width) ** 2)
    weights = (1 - SPREAD) * near / near.sum() + SPREAD / POINTS
    return np.exp(logs), np.log(weights)


def log_mean(logs: Floats, log_weights: Floats) -> Floats:
    """Return the log of the weighted mean over the last axis of what is given in logs."""
    weighted = logs + log_weights
    top = weighted.max(axis=-1)
    return np.asarray(top + np.log(np.exp(weighted - top[..., None]).sum(axis=-1)))


def e_value(log_capital: float) -> float:
    """Return the capital itself, at most LARGEST."""
    return math.exp(log_capital) if log_capital < math.log(LARGEST) else LARGEST
