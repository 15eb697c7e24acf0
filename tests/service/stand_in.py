"""A predictor that notes what it is asked: for tests of what stands around the models."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from models.runtime.classifier import Prediction, Spent
from service.variants.cost import Cost
from service.variants.registry import Loaded
from service.variants.startup import StartupCheck

LABELS = ["late", "refund", "cancel"]


class StandIn:
    """Answers `late`; waits for `go_on` when it meets "wait", and fails on "bad"."""

    def __init__(self) -> None:
        self.labels, self.temperature = LABELS, 1.0
        self.asked: list[list[str]] = []
        self.threads: list[str] = []
        self.go_on = threading.Event()

    def predict(self, texts: Sequence[str], top_k: int = 1, spent: Spent | None = None) -> list[Prediction]:
        self.asked.append(list(texts))
        self.threads.append(threading.current_thread().name)
        if "wait" in texts:
            self.go_on.wait(20)
        if "bad" in texts:
            raise ValueError("what nobody thought of")
        shares = [("late", 0.7), ("refund", 0.2), ("cancel", 0.1)][:top_k]
        return [Prediction(list(shares), len(text) > 1000) for text in texts]


def loaded(name: str = "int8", alone: float = 0.1, batch: int = 8, predictor: StandIn | None = None) -> Loaded:
    """A variant of which a text takes so many milliseconds, whatever its length."""
    card: Any = SimpleNamespace(name=name, version="0123456789ab", kind="variant", content=lambda: {"name": name})
    given: Any = predictor or StandIn()
    return Loaded(card, given, StartupCheck(0, 0), Cost(alone, alone, 0.0, 1000, batch))


def asked(variant: Loaded) -> list[list[str]]:
    """What its predictor was asked, batch by batch."""
    predictor: Any = variant.predictor
    return predictor.asked  # type: ignore[no-any-return]
