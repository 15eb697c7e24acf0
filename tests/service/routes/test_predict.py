"""The route as a function: no server, no model."""

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from models.runtime.classifier import Prediction
from service.routes.predict import predict
from service.routes.refused import Refused
from service.variants.errors import TooLate, TooManyLabels, UnknownVariant, VariantError

CARD: Any = SimpleNamespace(name="int8", version="0123456789ab")


def asked(body: bytes, problem: VariantError | None = None) -> Any:
    async def run(variant: str, texts: Sequence[str], top_k: int) -> tuple[Any, list[Prediction]]:
        if problem is not None:
            raise problem
        top = [("late", 0.75), ("refund", 0.25)][:top_k]
        return CARD, [Prediction(top, truncated=len(text) > 3) for text in texts]

    return asyncio.run(predict(body, "int8", "an id", run))


def test_the_answer_has_the_best_label_and_says_what_there_is_to_count() -> None:
    answer = asked(b'{"texts": ["a", "longer"]}')
    assert (answer.version, answer.texts) == (CARD.version, 2)
    assert json.loads(answer.body) == {
        "variant": "int8",
        "version": CARD.version,
        "request_id": "an id",
        "predictions": [
            {"label": "late", "score": 0.75, "truncated": False},
            {"label": "late", "score": 0.75, "truncated": True},
        ],
    }


def test_more_labels_are_there_when_they_are_asked_for() -> None:
    (prediction,) = json.loads(asked(b'{"texts": ["a"], "top_k": 2}').body)["predictions"]
    assert prediction["top"] == [{"label": "late", "score": 0.75}, {"label": "refund", "score": 0.25}]


@pytest.mark.parametrize(
    ("problem", "status", "headers"),
    [(UnknownVariant("none"), 404, {}), (TooManyLabels("many"), 400, {}), (TooLate("late"), 503, {"Retry-After": "1"})],
)
def test_what_a_variant_cannot_do_has_a_status(problem: VariantError, status: int, headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        asked(b'{"texts": ["a"]}', problem)
    assert (caught.value.status, caught.value.headers) == (status, headers)
    assert json.loads(caught.value.body) == {"error": str(problem)}
