"""Looking after every label: the first look at which a claim is refuted."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from service.evidence.mixture import Floats

Integers = npt.NDArray[np.int64]
Capital = Callable[[Floats], Floats]  # counts of each value (last axis) → log capital
AT_ONCE = 4096  # looks; what is computed on them stays in the processor's cache
NEVER = 0  # in place of a look


def first_look(refuted: npt.NDArray[np.bool_]) -> Integers:
    """Return the first look of each experiment (row) at which the claim is refuted, counted from 1, or NEVER."""
    return np.where(refuted.any(axis=1), refuted.argmax(axis=1) + 1, NEVER)


def look_after_each(drawn: npt.NDArray[np.integer], values: int, capital: Capital, enough: float) -> Integers:
    """Return the first look at which the log capital is enough, of experiments (rows) in which the outcomes came up in
    this order, each the number of its value.

    While the same outcome comes up again and again, each stake's capital grows or shrinks by the same factor, so the
    mean of them is convex: it is the largest at one end of the run. Looking at the ends of the runs misses nothing;
    only in a run at whose end it is enough is every look taken.
    """
    ends = np.ones(drawn.shape, dtype=bool)
    ends[:, :-1] = drawn[:, 1:] != drawn[:, :-1]
    counts = np.stack([np.cumsum(drawn == value, axis=1, dtype=np.int32) for value in range(values)])
    enough_at = np.zeros(drawn.shape, dtype=bool)
    at_ends = counts[:, ends].T.astype(float)
    enough_at[ends] = (
        np.concatenate([capital(at_ends[start : start + AT_ONCE]) for start in range(0, len(at_ends), AT_ONCE)])
        >= enough
    )
    looks = first_look(enough_at)
    for row in np.flatnonzero(looks != NEVER):
        end = looks[row]
        run = np.flatnonzero(ends[row, : end - 1])
        start = int(run[-1]) + 1 if run.size else 0
        inside = capital(counts[:, row, start:end].T.astype(float)) >= enough
        looks[row] = start + int(inside.argmax()) + 1
    return looks
