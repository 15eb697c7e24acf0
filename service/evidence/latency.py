"""The ratio of two mean latencies, by an asymptotic confidence sequence on its log (Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas 2024, Annals of Statistics 52, theorem 2.2, with the delta method).

Times have no upper bound, so nothing exact can be said of their mean: the sequence holds its level from the first few
hundred requests on, and says nothing before.
"""

import math
from typing import NamedTuple

import numpy as np

from service.evidence.mixture import Floats

Numbers = float | Floats
FEWEST = 200  # requests of either arm
TIGHTEST = 5000  # requests of both at which the sequence is as narrow as it can be made


class Moments(NamedTuple):
    """How many times there were, their sum and the sum of their squares."""

    n: int
    sum: float
    squares: float


class Ratio(NamedTuple):
    """The arm's mean over the control's."""

    n_control: int
    n_arm: int
    ratio: float
    low: float
    high: float


def mean_ratio(control: Moments, arm: Moments, *, alpha: float) -> Ratio | None:
    """Return the ratio with its bounds (None with fewer than FEWEST of either)."""
    if min(control.n, arm.n) < FEWEST or min(control.sum, arm.sum) <= 0:
        return None
    log_ratio, half = (float(part) for part in log_bounds(*control, *arm, alpha=alpha))
    return Ratio(
        control.n, arm.n, math.exp(log_ratio), math.exp(log_ratio - half), math.exp(min(log_ratio + half, 700.0))
    )


def log_bounds(
    n_control: Numbers,
    sum_control: Numbers,
    squares_control: Numbers,
    n_arm: Numbers,
    sum_arm: Numbers,
    squares_arm: Numbers,
    *,
    alpha: float,
) -> tuple[Floats, Floats]:
    """Return the log of the ratio and how far its bounds lie on either side."""
    mean_control, mean_arm = sum_control / n_control, sum_arm / n_arm
    error = (squares_control / n_control / mean_control**2 - 1) / n_control
    error = error + (squares_arm / n_arm / mean_arm**2 - 1) / n_arm  # of log mean: variance / (n mean^2)
    seen = (n_control + n_arm) * tightness(alpha)
    width = (seen + 1) / seen * (np.log(seen + 1) - 2 * math.log(alpha))
    return np.asarray(np.log(mean_arm / mean_control)), np.asarray(np.sqrt(np.maximum(error, 0) * width))


def tightness(alpha: float) -> float:
    """Return rho squared of the paper, for bounds that are narrowest at TIGHTEST (its appendix B.2)."""
    return (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / TIGHTEST
