"""The route as a function: no server, no model."""

import asyncio
import json
from typing import Any

import pytest

from service.experiments.experiments import Experiments
from service.routes.exchange import Request, Service
from service.routes.messages import MAX_SCORES
from service.routes.predict import predict
from service.routes.refused import Refused, refusal
from service.serving.queue import RowQueue
from service.store.rows import has_failed
from service.variants.errors import (
    Disconnected,
    Failed,
    Overloaded,
    TooLate,
    TooManyLabels,
    TooMuchAtOnce,
    UnknownVariant,
    VariantError,
)
from service.variants.registry import Registry
from tests.service.stand_in import loaded


def ask(body: bytes, variant: str = "int8") -> tuple[Request, Any]:
    async def run() -> Any:
        return await predict(
            request, Service(Registry({"int8": loaded()}), RowQueue(1000.0).run, Experiments()), variant
        )

    request = Request("POST", {}, body, "an id", 0.0, 1e12)
    return request, asyncio.run(run())


def test_the_answer_has_the_best_label_and_the_request_what_there_is_to_count() -> None:
    request, answer = ask(json.dumps({"texts": ["a", "long" * 500]}).encode())
    assert request.card is not None
    assert (request.card.version, request.texts, answer.status) == ("0123456789ab", 2, 200)
    assert json.loads(answer.body) == {
        "variant": "int8",
        "version": "0123456789ab",
        "request_id": "an id",
        "predictions": [
            {"label": "late", "score": 0.7, "truncated": False},
            {"label": "late", "score": 0.7, "truncated": True},
        ],
    }


def test_more_labels_are_there_when_they_are_asked_for() -> None:
    (prediction,) = json.loads(ask(b'{"texts": ["a"], "top_k": 2}')[1].body)["predictions"]
    assert prediction["top"] == [{"label": "late", "score": 0.7}, {"label": "refund", "score": 0.2}]


def test_what_a_variant_does_not_know_is_its_error() -> None:
    with pytest.raises(UnknownVariant, match=r"^no variant 'nano'; expected one of int8$"):
        ask(b'{"texts": ["a"]}', "nano")
    with pytest.raises(TooManyLabels, match=r"^'top_k' is 4; expected 1 to 3, the number of labels$"):
        ask(b'{"texts": ["a"], "top_k": 4}')


def test_an_answer_of_too_many_scores_is_refused() -> None:
    from service.routes.messages import check_scores

    check_scores(MAX_SCORES // 8, 8)
    with pytest.raises(Refused, match=r"^4096 texts with 1800 labels each are 7,372,800 scores; expected") as caught:
        check_scores(4096, 1800)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("problem", "status", "headers"),
    [
        (UnknownVariant("none"), 404, {}),
        (TooManyLabels("many"), 400, {}),
        (TooMuchAtOnce("much"), 413, {}),
        (TooLate("late"), 503, {"Retry-After": "1"}),
        (Overloaded("full", 0.2), 429, {"Retry-After": "1"}),
        (Overloaded("full", 3.2), 429, {"Retry-After": "4"}),
        (Failed("no"), 500, {}),
    ],
)
def test_what_a_variant_cannot_do_has_a_status(problem: VariantError, status: int, headers: dict[str, str]) -> None:
    refused = refusal(problem)
    assert (refused.status, refused.headers) == (status, headers)
    assert json.loads(refused.body) == {"error": str(problem)}


def test_what_an_arm_is_too_busy_for_is_one_of_its_failures() -> None:
    busy = (Overloaded("full", 1.0), TooLate("late"), TooMuchAtOnce("much"), Disconnected("gone"))
    statuses = [refusal(problem).status for problem in (*busy, TooManyLabels("no"))]
    assert [has_failed(status) for status in statuses] == [True, True, True, True, False]
    assert [has_failed(status) for status in (200, 400, 404, 500)] == [False] * 3 + [True]
