"""A share of events, such as errors or differing labels: bets on its odds.

Against "the share is m or below", each gambler bets that the odds are some times those of m; his capital after k events
among n is ratio^k / (1 + (ratio - 1) m)^n, the likelihood ratio, which is a fair game at m and a losing one below
(Robbins 1970; the sub-Bernoulli mixture of Howard et al. 2021, Annals of Statistics 49).
"""

import math
from typing import NamedTuple

import numpy as np

from service.evidence.inversion import bound
from service.evidence.mixture import Floats, guesses, log_mean

LOG_RATIOS, LOG_WEIGHTS = guesses(3e-3, 7.0, usual=0.7, width=1.2)  # twice the odds; e^7 is as good as always


class Bounds(NamedTuple):
    """A confidence sequence at one look."""

    low: float
    high: float


def log_growth(most: float) -> tuple[Floats, Floats]:
    """Return by how much an event, and by how much none, lets each log capital grow against "the share is `most` or
    below".
    """
    none = -np.log1p(np.expm1(LOG_RATIOS) * most)
    return LOG_RATIOS + none, none


def log_capital(n: Floats, k: Floats, most: float) -> Floats:
    """Return the log capital won against "the share is `most` or below" by `k` events among `n`."""
    event, none = log_growth(most)
    return log_mean(k[..., None] * event + (n - k)[..., None] * none, LOG_WEIGHTS)


def share(n: int, k: int, *, alpha: float) -> Bounds:
    """Return the bounds of a share of which `k` events among `n` were seen; both together are false in alpha of the
    experiments at most, all looks together.
    """
    enough = math.log(2 / alpha)

    def refutes(events: int, claim: float) -> bool:
        return bool(log_capital(np.array(float(n)), np.array(float(events)), claim) >= enough)

    low = bound(lambda claim: refutes(k, claim), 0.0, k / n if n else 0.0)
    high = 1 - bound(lambda claim: refutes(n - k, claim), 0.0, 1 - k / n if n else 0.0)
    return Bounds(low, high)
