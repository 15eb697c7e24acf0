"""A verdict without one label: two classifiers' accuracies differ by no more than the share of texts on which their
labels do.
"""

import numpy as np

from service.evidence.difference import Difference, Verdict, log_threshold
from service.evidence.further import FEWEST, expected
from service.evidence.mixture import e_value
from service.evidence.share import LOG_WEIGHTS, log_capital, log_growth, share


def disagreement(pairs: int, differing: int, *, margin: float, alpha: float) -> Difference:
    """Return NOT_WORSE where the share of differing labels is below the margin; `drop` is the most that it can be.

    It cannot say better or worse: which of two different labels is right only a label tells.
    """
    enough = log_threshold(alpha)
    same = float(pairs - differing)
    against_margin = float(log_capital(np.array(float(pairs)), np.array(same), 1 - margin))
    decided = against_margin >= enough
    high = (min if decided else max)(share(pairs, differing, alpha=alpha).high, margin)  # not off by a rounding
    return Difference(
        pairs,
        differing / pairs if pairs else 0.0,
        -high,
        high,
        1.0,
        e_value(against_margin),
        1.0,
        Verdict.NOT_WORSE if decided else Verdict.UNDECIDED,
        0 if decided else _further(pairs, differing, margin, enough),
    )


def _further(pairs: int, differing: int, margin: float, enough: float) -> int | None:
    if pairs < FEWEST:
        return None
    event, none = log_growth(1 - margin)
    differs = (differing + 0.5) / (pairs + 1)
    return expected(
        (pairs - differing) * event + differing * none,
        (1 - differs) * event + differs * none,
        LOG_WEIGHTS,
        enough,
    )
