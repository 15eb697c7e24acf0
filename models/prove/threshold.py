"""Below which confidence a cascade escalates: as little as leaves, by an upper bound, few labels that are not the
larger variant's.
"""

import numpy as np
import numpy.typing as npt

from models.prove.confidence import Floats
from models.prove.statistics import clopper_pearson

CONFIDENCE = 0.95  # of the bound, one-sided


def choose_threshold(confidence: Floats, differing: npt.NDArray[np.bool_], max_drop: float) -> float:
    """Return the lowest confidence below which to escalate, so that at most a share `max_drop` of all texts keeps
    another label than the larger variant's.

    So much accuracy is the most that a cascade can lose against it. Held to `max_drop` is the upper bound of that share
    by these rows, not the share itself: it falls as the threshold rises, so the lowest threshold that holds is bounded
    like any other (Bates et al. 2021, risk-controlling prediction sets). Rows fewer than some 3 / `max_drop` cannot
    show so little even where none differs: then none that differs is spared, which is the most they can say, and
    `differing_at_most` says how much that is.
    """
    rows = len(confidence)
    spared = 0
    while spared < rows and clopper_pearson(spared + 1, rows, CONFIDENCE) <= max_drop:
        spared += 1
    highest = np.sort(confidence[differing])[::-1]
    return round(float(highest[spared]) + 1e-6, 6) if spared < len(highest) else 0.0


def differing_at_most(threshold: float, confidence: Floats, differing: npt.NDArray[np.bool_]) -> float:
    """Return the upper bound, 95 %, of the share of texts that a threshold leaves with another label than the larger
    variant's.
    """
    return clopper_pearson(int((differing & (confidence >= np.float32(threshold))).sum()), len(confidence), CONFIDENCE)
