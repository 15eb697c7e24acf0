"""What is written down of answers, and the ids by which feedback names them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from models.runtime.classifier import Prediction
from service.experiments.keys import next_key
from service.experiments.running import DAY_S, Assigned
from service.store.rows import Served

OK = 200


class Answered(NamedTuple):
    """One request that was answered: its predictions with their ids, and what is written down of each."""

    assigned: Assigned
    texts: Sequence[str]
    predictions: Sequence[Prediction]
    ids: Sequence[str]
    rows: Sequence[Served]


# Of all their fields in their order. Between a text and its answer each function has to be fetched into the cache anew,
# and the constructor of a NamedTuple is one.
_served: Callable[[tuple[object, ...]], Served] = partial(tuple.__new__, Served)
_answered: Callable[[tuple[object, ...]], Answered] = partial(tuple.__new__, Answered)


def fail(assigned: Assigned, version: str, status: int, at: float, ms: float) -> Served:
    """Return what is written down of a request that was not answered."""
    standing = assigned.standing
    assert standing is not None
    return Served(
        next_key(at), standing.experiment.name, standing.revision, assigned.variant, version, assigned.unit, at, None,
        None, ms, status, assigned.override,
    )  # fmt: skip


def note(
    assigned: Assigned,
    version: str,
    texts: Sequence[str],
    predictions: Sequence[Prediction],
    at: float,
    ms: float,
) -> Answered:
    """Sign the answers that a request got after `ms` at the time `at`, and make a row of each."""
    variant, standing, unit, override, signer = assigned
    assert standing is not None
    assert signer is not None
    sign, second, experiment = signer.sign, int(at), standing.experiment
    name, revision, keep = experiment.name, standing.revision, experiment.keep_texts_days
    expires = at + keep * DAY_S if keep else None
    ids: list[str] = []
    rows: list[Served] = []
    for place, prediction in enumerate(predictions):
        label, score = prediction.top[0]
        key = next_key(at)
        ids.append(sign(label, second, key))
        rows.append(
            _served(
                (
                    key, name, revision, variant, version, unit, at, label, score, ms, OK, override, not rows,
                    texts[place] if keep else None, expires,
                )
            )
        )  # fmt: skip
    return _answered((assigned, texts, predictions, ids, rows))
