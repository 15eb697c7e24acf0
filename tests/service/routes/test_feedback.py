"""Feedback in sentences: what cannot be read, and where the store was away when the worker began."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from service.experiments.running import Running
from service.routes.exchange import Request
from service.routes.feedback import feedback, parse_feedback
from service.routes.refused import Refused
from service.store.errors import StoreAway
from tests.service.stand_in import loaded


def test_what_nobody_can_check_is_no_forgery_but_to_be_sent_again() -> None:
    def refresh() -> None:
        raise StoreAway("the database is away")

    experiments = SimpleNamespace(running=Running("int8"), store=None, refresh=refresh)
    service: Any = SimpleNamespace(experiments=experiments, registry=SimpleNamespace(variants=[loaded()]))
    body = json.dumps({"feedback": [{"prediction_id": "x.y", "label": "late"}]}).encode()
    with pytest.raises(StoreAway):
        asyncio.run(feedback(Request("POST", {}, body, "id", 0.0, 20.0), service))


def test_a_key_beside_the_feedback_is_named_as_such() -> None:
    with pytest.raises(Refused, match="unknown key 'y' beside 'feedback'; expected"):
        parse_feedback(b'{"feedback": [{"prediction_id": "x", "label": "late"}], "y": 1}')


@pytest.mark.parametrize(
    "body",
    [
        b'[{"prediction_id": "x", "label": "late", "label": "early"}]',
        b'{"feedback": [{"prediction_id": "x", "label": "late", "l\\u0061bel": "late"}]}',
        b'{"feedback": [{"prediction_id": "x", "label": "late"}], "feedback": [{"prediction_id": "y", "label": "a"}]}',
    ],
)
def test_a_key_that_is_there_twice_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="is there twice in one object; expected it once") as refused:
        parse_feedback(body)
    assert refused.value.status == 400


def test_the_same_words_in_two_pieces_of_feedback_are_no_repetition() -> None:
    piece = b'{"prediction_id": "label", "label": "label", "value": 12345678901234567890123}'
    assert len(parse_feedback(b"[" + piece + b"," + piece + b"]")) == 2
