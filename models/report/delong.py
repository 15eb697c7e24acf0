"""The difference of two areas under the ROC curve over the same texts, with its interval (DeLong, DeLong and
Clarke-Pearson 1988, Biometrics 44).
"""

from dataclasses import dataclass

import numpy as np

from models.prove.confidence import Floats
from models.prove.distributions import NORMAL


@dataclass(frozen=True)
class Difference:
    """A difference with its interval."""

    value: float
    low: float
    high: float


def auroc_difference(inside: tuple[Floats, Floats], outside: tuple[Floats, Floats], alpha: float) -> Difference:
    """Return the first classifier's area minus the second's; `inside` and `outside` hold both classifiers' confidences
    on the same texts.
    """
    (first, against), (second, against_second) = (_placements(*pair) for pair in zip(inside, outside, strict=True))
    ahead, behind = first - second, against - against_second
    value = float(ahead.mean())
    error = np.sqrt(_variance_of_mean(ahead) + _variance_of_mean(behind))
    reach = float(NORMAL.inv_cdf(1 - alpha / 2) * error)
    return Difference(value, value - reach, value + reach)


def _placements(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Return for every text the share of the other kind that it is on the right side of; ties count half."""
    ranks = _ranks(np.concatenate([inside, outside]))
    beaten = (ranks[: len(inside)] - _ranks(inside)) / len(outside)
    beating = 1 - (ranks[len(inside) :] - _ranks(outside)) / len(inside)
    return beaten, beating


def _ranks(values: Floats) -> Floats:
    """Return each value's place in the order, from 1; equal ones have the mean of theirs."""
    _, place, equal = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(equal) - (equal - 1) / 2)[place]


def _variance_of_mean(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
