"""Two accuracies from split traffic: verdict on the blocks' differences."""

from collections.abc import Mapping

import numpy as np

from service.evidence.difference import Difference, judge


def split(
    counts: Mapping[float, int], *, margin: float, alpha: float, arm_per_block: int = 1, n: int | None = None
) -> Difference:
    """Return the verdict on blocks of two arms (`Blocks.counts`); `n` and `further` count outcomes of the arm.

    `n` is given where not all blocks have as many.
    """
    values = np.fromiter(counts, dtype=float, count=len(counts))
    found = judge(np.fromiter(counts.values(), dtype=float, count=len(counts)), values, margin=margin, alpha=alpha)
    further = found.further if found.further is None else found.further * arm_per_block
    return found._replace(n=found.n * arm_per_block if n is None else n, further=further)
