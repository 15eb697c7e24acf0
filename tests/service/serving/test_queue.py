"""Short requests are computed at once, long ones in a thread; too many of those are refused."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from service.routes.refused import Refused
from service.serving import queue
from service.serving.queue import INLINE_CHARACTERS, Queue

LONG = ["x" * (INLINE_CHARACTERS + 1)]


class Slow:
    """A registry that notes the threads it is called in, and lets long texts wait until it is told to go on."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.go_on = threading.Event()

    def predict(self, variant: str, texts: Sequence[str], top_k: int, deadline: float | None = None) -> Any:
        self.threads.append(threading.current_thread().name)
        if list(texts) == LONG:
            self.go_on.wait(10)
        return None, []


def test_a_short_request_overtakes_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Any = Slow()
    monkeypatch.setattr(queue, "MAX_WAITING", 2)

    async def run() -> None:
        waiting = Queue(registry)
        until = time.monotonic() + 10
        long = [asyncio.create_task(waiting.predict("int8", LONG, 1, until)) for _ in range(2)]
        await asyncio.sleep(0.05)
        await waiting.predict("int8", ["short"], 1, until)
        assert not any(task.done() for task in long)
        with pytest.raises(Refused, match=r"^2 long requests are waiting; expected fewer: try again later$") as caught:
            await waiting.predict("int8", LONG, 1, until)
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
        registry.go_on.set()
        await asyncio.gather(*long)
        await waiting.predict("int8", LONG, 1, until)

    asyncio.run(run())
    assert registry.threads.count("MainThread") == 1
    assert len(registry.threads) == 4
    assert {name.rsplit("_", 1)[0] for name in registry.threads} == {"MainThread", "long-request"}
