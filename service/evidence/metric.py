"""A business metric with known bounds, from split traffic: verdict on the blocks' differences."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from service.evidence.difference import Difference, judge
from service.evidence.mixture import Floats

# Narrow where differences are small: a metric that mostly lies in a corner of its bounds keeps its small variance.
CELLS = np.concatenate([-(np.linspace(1, 0, 51) ** 2), np.linspace(0, 1, 51)[1:] ** 2])


def metric(
    counts: Mapping[float, int],
    *,
    low: float,
    high: float,
    better: Literal["higher", "lower"],
    margin: float,
    alpha: float,
    arm_per_block: int = 1,
    n: int | None = None,
) -> Difference:
    """Return the verdict on blocks (`Blocks.counts`) of a metric between `low` and `high`; drop, interval and margin
    are in its own unit, a positive drop is a change for the worse. `n` is given where not all blocks have as many
    outcomes of the arm.
    """
    scale = (high - low) * (1 if better == "higher" else -1)
    values = np.fromiter(counts, dtype=float, count=len(counts)) / scale
    cells, weights = spread(values, np.fromiter(counts.values(), dtype=float, count=len(counts)))
    found = judge(weights, cells, margin=margin / abs(scale), alpha=alpha)
    unit = abs(scale)
    return found._replace(
        n=found.n * arm_per_block if n is None else n,
        drop=found.drop * unit,
        low=found.low * unit,
        high=found.high * unit,
        further=found.further if found.further is None else found.further * arm_per_block,
    )


def spread(values: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return the cells that are not empty, and their counts, where each value in [-1, 1] is shared out between the two
    cells beside it so that the mean stays.

    The log capital is concave in an outcome, so sharing it out can only lower the capital: the level holds, and a
    million different values cost no more than a few.
    """
    right = np.clip(np.searchsorted(CELLS, values), 1, len(CELLS) - 1)
    width = CELLS[right] - CELLS[right - 1]
    above = np.clip((values - CELLS[right - 1]) / width, 0, 1)
    weights = np.zeros(len(CELLS))
    np.add.at(weights, right - 1, counts * (1 - above))
    np.add.at(weights, right, counts * above)
    held = weights > 0
    return CELLS[held], weights[held]
