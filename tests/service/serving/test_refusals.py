"""While a queue is full its requests are refused unread, and as soon as it is not they are let through."""

import asyncio
import time

import pytest

from service.routes.refused import Refused
from service.serving import refusals as module
from service.serving.queue import RowQueue
from service.serving.refusals import MOST_PATHS, Refusal, Refusals
from service.serving.settings import INLINE_MS, MOST_WAITING
from tests.service.stand_in import loaded

REFUSED = Refused(429, "100 % is too much", Retry_After="2")


def test_a_path_is_refused_while_its_queue_is_full() -> None:
    full, counted = [True], list[float]()
    refusals = Refusals()
    assert refusals.find(b"/int8/predict") is None
    refusals.add(b"/int8/predict", Refusal(REFUSED, lambda more, characters: full[0], counted.append))
    found = refusals.find(b"/int8/predict")
    assert found is not None
    assert refusals.find(b"/teacher/predict") is None
    assert found.answer([(b"x-request-id", b"abc")], True, time.monotonic() - 5) == (
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 29\r\nretry-after: 2\r\n"
        b'x-request-id: abc\r\n\r\n{"error":"100 % is too much"}'
    )
    assert b"\r\nconnection: close\r\n\r\n" in found.answer([], False, time.monotonic() - 1)
    # What is counted is the time since the headers were read.
    assert len(counted) == 2
    assert counted[0] >= 5
    assert counted[1] >= 1
    full[0] = False
    assert refusals.find(b"/int8/predict") is None


def test_no_more_are_let_through_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSEEN_S", 60.0)
    refusal = Refusal(REFUSED, lambda more, characters: more >= 3, lambda seconds: None)
    assert [refusal.holds() for _ in range(5)] == [False] * 3 + [True] * 2
    monkeypatch.setattr(module, "UNSEEN_S", 0.0)  # they stand in the queue by now, and is_full knows them
    assert not refusal.holds()


def test_a_request_is_refused_unread_by_the_size_of_its_body() -> None:
    """As one was whose text had so many characters of it."""
    asked, refusals = list[int](), Refusals()

    def is_full(more: int, characters: int) -> bool:
        asked.append(characters)
        return characters >= 40

    for share in (0.1, 0.5):  # the last one that was read counts
        refusals.add(b"/x", Refusal(REFUSED, is_full, lambda seconds: None, share))
    for size in (b"100", b"79", b"x"):
        refusals.find(b"/x", [(b"host", b"x"), (b"content-length", size)])
    assert refusals.find(b"/x") is None
    assert asked == [50, 39, 0, 0]


def test_no_more_paths_are_known_than_there_is_room_for() -> None:
    """However many ways of writing them clients find."""
    refusals, refusal = Refusals(), Refusal(REFUSED, lambda more, characters: True, lambda seconds: None)
    paths = [b"/int8/%d" % number for number in range(3 * MOST_PATHS)]
    for path in paths:
        refusals.add(path, refusal)
        refusals.add(path, refusal)
        assert refusals.find(path) is refusal
    assert [path for path in paths if refusals.find(path)] == paths[-MOST_PATHS:]


def test_a_queue_is_full_when_a_text_more_would_wait_too_long() -> None:
    queue, slow = RowQueue(100.0), loaded(alone=INLINE_MS * 5)
    assert not queue.is_full(slow, 0)
    assert not queue.is_full(slow, 10)
    assert queue.is_full(slow, 11)
    assert queue.is_full(loaded(alone=INLINE_MS * 1.01), MOST_WAITING)
    assert not queue.is_full(loaded(alone=0.1), MOST_WAITING)
    by_length = slow._replace(cost=slow.cost._replace(alone=1.0, character=INLINE_MS))
    assert not queue.is_full(by_length, 20, 0)
    assert queue.is_full(by_length, 20, 5)
    assert not RowQueue(3000.0).is_full(by_length, 1, 10**9)  # a text is cut


def test_a_queue_of_short_requests_is_full_while_as_much_waits_as_may() -> None:
    variant = loaded(alone=1.0)

    async def within() -> None:
        queue = RowQueue(100.0)
        tasks = [asyncio.create_task(queue.run(variant, ["a"], 1, time.monotonic() + 20, len)) for _ in range(101)]
        assert not queue.is_full(variant, 0)
        await asyncio.sleep(0)
        assert queue.is_full(variant, 0)
        await asyncio.gather(*tasks)
        assert not queue.is_full(variant, 0)

    asyncio.run(within())
