"""What is written down of answers, and the ids by which feedback names them."""

import secrets
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from models.runtime.classifier import Prediction
from service.experiments.ids import signer
from service.experiments.running import DAY_S, Assigned
from service.store.rows import Served

_PREFIX, _NUMBERS = secrets.token_hex(8), count()  # of keys: as unique as random ones, and a fraction of their cost


class Answered(NamedTuple):
    """One request that was answered, after `ms` at the time `at`, and the keys and ids of its predictions."""

    assigned: Assigned
    version: str
    texts: Sequence[str]
    predictions: Sequence[Prediction]
    keys: Sequence[str]
    ids: Sequence[str]
    at: float
    ms: float

    def rows(self) -> list[Served]:
        """Return what is written down of it; made later, for it takes as long as the ids do."""
        standing = self.assigned.standing
        assert standing is not None
        experiment, keep = standing.experiment, standing.experiment.keep_texts_days
        return [
            Served(
                id=key, experiment=experiment.name, revision=standing.revision, arm=self.assigned.variant,
                version=self.version, unit=self.assigned.unit, at=self.at, label=prediction.label,
                score=prediction.top[0][1], ms=self.ms, status=200, override=self.assigned.override, first=number == 0,
                text=text if keep else None, expires=self.at + keep * DAY_S if keep else None,
            )
            for number, (key, text, prediction) in enumerate(zip(self.keys, self.texts, self.predictions, strict=True))
        ]  # fmt: skip


class Failure(NamedTuple):
    """One request that was not answered."""

    assigned: Assigned
    version: str
    status: int
    at: float
    ms: float

    def rows(self) -> list[Served]:
        """Return what is written down of it."""
        standing = self.assigned.standing
        assert standing is not None
        return [
            Served(
                id=f"{_PREFIX}{next(_NUMBERS):x}", experiment=standing.experiment.name, revision=standing.revision,
                arm=self.assigned.variant, version=self.version, unit=self.assigned.unit, at=self.at, label=None,
                score=None, ms=self.ms, status=self.status, override=self.assigned.override,
            )
        ]  # fmt: skip


def note(
    assigned: Assigned,
    version: str,
    texts: Sequence[str],
    predictions: Sequence[Prediction],
    secret: bytes,
    at: float,
    ms: float,
) -> Answered:
    """Sign the answers that a request got."""
    standing = assigned.standing
    assert standing is not None
    sign = signer(standing.experiment.name, standing.revision, assigned.variant, assigned.override, secret).sign
    prefix, second = f"{_PREFIX}{next(_NUMBERS):x}.", int(at)
    keys = [f"{prefix}{row:x}" for row in range(len(predictions))]
    ids = [sign(prediction.label, second, key) for key, prediction in zip(keys, predictions, strict=True)]
    return Answered(assigned, version, texts, predictions, keys, ids, at, ms)
