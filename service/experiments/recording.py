"""What is written down of answers, and the ids by which feedback names them."""

from collections.abc import Sequence
from typing import NamedTuple

from models.runtime.classifier import Prediction
from service.experiments.keys import next_key
from service.experiments.running import DAY_S, Assigned
from service.store.rows import Served


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
    start: int = 0  # the place of the first text in its request

    @property
    def shadowed(self) -> bool:
        """Tell whether other arms may be asked, too."""
        return self.assigned.standing is not None and self.assigned.standing.experiment.shadows

    def pieces(self, texts: int) -> "list[Answered]":
        """Return it in pieces of so many texts, so that a large request's rows are not made at once."""
        if len(self.texts) <= texts:
            return [self]
        return [
            self._replace(
                texts=self.texts[start : start + texts],
                predictions=self.predictions[start : start + texts],
                keys=self.keys[start : start + texts],
                ids=self.ids[start : start + texts],
                start=start,
            )
            for start in range(0, len(self.texts), texts)
        ]

    def rows(self) -> list[Served]:
        """Return what is written down of it; made later, for it takes as long as the ids do."""
        standing = self.assigned.standing
        assert standing is not None
        experiment, keep = standing.experiment, standing.experiment.keep_texts_days
        return [
            Served(
                id=key, experiment=experiment.name, revision=standing.revision, arm=self.assigned.variant,
                version=self.version, unit=self.assigned.unit, at=self.at, label=prediction.label,
                score=prediction.top[0][1], ms=self.ms, status=200, override=self.assigned.override,
                first=self.start + number == 0, text=text if keep else None,
                expires=self.at + keep * DAY_S if keep else None,
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
    key: str

    def pieces(self, texts: int) -> "list[Failure]":
        """Return it: it has one row, however many texts there were."""
        return [self]

    def rows(self) -> list[Served]:
        """Return what is written down of it."""
        standing = self.assigned.standing
        assert standing is not None
        return [
            Served(
                id=self.key, experiment=standing.experiment.name, revision=standing.revision,
                arm=self.assigned.variant, version=self.version, unit=self.assigned.unit, at=self.at, label=None,
                score=None, ms=self.ms, status=self.status, override=self.assigned.override,
            )
        ]  # fmt: skip


def fail(assigned: Assigned, version: str, status: int, at: float, ms: float) -> Failure:
    """Note that a request was not answered."""
    return Failure(assigned, version, status, at, ms, next_key())


def note(
    assigned: Assigned,
    version: str,
    texts: Sequence[str],
    predictions: Sequence[Prediction],
    at: float,
    ms: float,
) -> Answered:
    """Sign the answers that a request got."""
    assert assigned.signer is not None
    sign, second = assigned.signer.sign, int(at)
    keys, ids = list[str](), list[str]()
    for prediction in predictions:
        keys.append(key := next_key())
        ids.append(sign(prediction.label, second, key))
    return Answered(assigned, version, texts, predictions, keys, ids, at, ms)
