import json
from typing import Any

import pytest

from loadtest.ask.answer import OFF_SCHEMA, RIGHT, WRONG_LABEL, judge


def body(*labels: str, **changed: Any) -> bytes:
    predictions = [{"label": label, "score": 0.5, "truncated": False} for label in labels]
    return json.dumps(
        {"variant": "int8", "version": "0123", "request_id": "r", "predictions": predictions, **changed}
    ).encode()


def test_a_right_answer() -> None:
    assert judge(200, body("a"), "int8", "0123", ["a"]) is RIGHT
    assert judge(200, body("a", "b"), "int8", None, ["a", "b"]) is RIGHT
    assert judge(200, body("a", "b"), "int8", None, [None, "b"]) is RIGHT


@pytest.mark.parametrize(("status", "kind"), [(302, "3xx"), (404, "4xx"), (429, "4xx"), (500, "5xx"), (503, "5xx")])
def test_other_statuses_are_counted_by_their_class(status: int, kind: str) -> None:
    assert judge(status, body("a"), "int8", "0123", ["a"]).failure == kind


def test_another_label_is_wrong_alone_and_a_flip_in_company() -> None:
    alone = judge(200, body("b"), "int8", "0123", ["a"])
    assert (alone.failure, alone.batch_flips) == (WRONG_LABEL, 0)
    assert "'a'" in alone.detail
    assert "'b'" in alone.detail
    together = judge(200, body("b", "a", "c"), "int8", "0123", ["a", "a", "a"])
    assert (together.failure, together.batch_flips) == (None, 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b"null",
        body("a", variant="teacher"),
        body("a", version="other"),
        body("a", version=3),
        body("a", request_id=None),
        body("a", predictions=None),
        body("a", predictions=[]),
        body("a", "a"),
        body("a", predictions=["a"]),
        body("a", predictions=[{"label": "a"}]),
        body("a", predictions=[{"label": "a", "score": 1.5, "truncated": False}]),
        body("a", predictions=[{"label": "a", "score": float("nan"), "truncated": False}]),
        body("a", predictions=[{"label": "a", "score": True, "truncated": False}]),
        body("a", predictions=[{"label": "a", "score": "0.5", "truncated": False}]),
        body("a", predictions=[{"label": "a", "score": 0.5, "truncated": 0}]),
        body("a", predictions=[{"label": None, "score": 0.5, "truncated": False}]),
    ],
)
def test_an_answer_off_the_contract_says_what_is_off(answer: bytes) -> None:
    verdict = judge(200, answer, "int8", "0123", ["a"])
    assert verdict.failure == OFF_SCHEMA
    assert verdict.detail
