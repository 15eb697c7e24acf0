"""Paired outcomes (shadow): the control and an arm answered the same labelled request."""

import numpy as np

from service.evidence.difference import Difference, judge

VALUES = np.array([1.0, -1.0, 0.0])  # right(control) - right(arm)


def paired(arm_worse: int, arm_better: int, equal: int, *, margin: float, alpha: float) -> Difference:
    """Return the verdict on labelled pairs: only the control was right, only the arm, or both or neither."""
    return judge(np.array([arm_worse, arm_better, equal], dtype=float), VALUES, margin=margin, alpha=alpha)
