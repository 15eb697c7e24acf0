"""What is written down of answers, and the ids by which feedback names them."""

import secrets
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.experiments.ids import Prediction as Signed
from service.experiments.ids import sign
from service.experiments.running import DAY_S, Assigned
from service.store.rows import Served

_PREFIX, _NUMBERS = secrets.token_hex(8), count()  # of keys: as unique as random ones, and a fraction of their cost


class Answered(NamedTuple):
    """The ids of one request's predictions, and the rows to write down."""

    ids: list[str]
    keys: list[str]
    rows: list[Served]


def note(
    assigned: Assigned,
    card: Card,
    texts: Sequence[str],
    predictions: Sequence[Prediction],
    secret: bytes,
    at: float,
    ms: float,
) -> Answered:
    """Sign and write down the answers that a request got after `ms`, at the time `at`."""
    standing = assigned.standing
    assert standing is not None
    experiment, keep = standing.experiment, standing.experiment.keep_texts_days
    number = next(_NUMBERS)
    ids, keys, rows = list[str](), list[str](), list[Served]()
    for row, (text, prediction) in enumerate(zip(texts, predictions, strict=True)):
        label, score = prediction.top[0]
        key = f"{_PREFIX}{number:x}.{row:x}"
        signed = Signed(experiment.name, standing.revision, assigned.variant, label, int(at), key, assigned.override)
        keys.append(key)
        ids.append(sign(signed, secret))
        rows.append(
            Served(
                id=key, experiment=experiment.name, revision=standing.revision, arm=assigned.variant,
                version=card.version, unit=assigned.unit, at=at, label=label, score=score, ms=ms, status=200,
                override=assigned.override, first=row == 0, text=text if keep else None,
                expires=at + keep * DAY_S if keep else None,
            )
        )  # fmt: skip
    return Answered(ids, keys, rows)


def failure(assigned: Assigned, card: Card, status: int, at: float, ms: float) -> Served:
    """Write down that a request got no answer."""
    standing = assigned.standing
    assert standing is not None
    return Served(
        id=f"{_PREFIX}{next(_NUMBERS):x}", experiment=standing.experiment.name, revision=standing.revision,
        arm=assigned.variant, version=card.version, unit=assigned.unit, at=at, label=None, score=None, ms=ms,
        status=status, override=assigned.override, first=True, text=None, expires=None,
    )  # fmt: skip
