"""Sample-ratio mismatch: whether the arms got the traffic that their weights promise.

The multinomial test that may be looked at after every unit (Lindon and Malek 2022, NeurIPS): a Dirichlet mixture of
other shares against the promised ones. A chi-square test at every look is not valid.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from service.evidence.mixture import e_value

BELIEF = 500.0  # units' worth of belief in shares near the promised ones: tight enough to see 52 for 50 % early


class Mismatch(NamedTuple):
    """The evidence against the promised shares; `p` is valid at any look."""

    e_value: float
    p: float
    mismatch: bool


def sample_ratio(counts: Sequence[int], weights: Sequence[float], *, alpha: float = 0.01) -> Mismatch:
    """Return whether units came to the arms otherwise than by these weights, which need not sum to 1."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    log = math.lgamma(BELIEF) - math.lgamma(BELIEF + sum(counts))
    for count, expected in zip(counts, shares, strict=True):
        prior = BELIEF * expected
        log += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(expected)
    return Mismatch(e_value(log), min(1.0, math.exp(-max(log, 0.0))), log >= -math.log(alpha))
