"""Requests by the clock, against a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from models.runtime.errors import BonsaiError
from service.image import half_load as module
from service.image.half_load import half_load

Answer = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/nano/predict", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def asked(answer: Answer, rate: float | None, seconds: float) -> tuple[float, list[float]]:
    async def ask() -> tuple[float, list[float]]:
        async with serving(answer) as host:
            return await half_load(host, "nano", rate, seconds)

    return asyncio.run(ask())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator may be as late as a busy machine makes it."""
    monkeypatch.setattr(module, "LATE_MS", 60_000.0)


def test_who_waits_behind_a_slow_answer_is_counted_from_when_it_was_due(
    patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 1)

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response()

    rate, times = asked(slow, 100.0, 0.3)
    assert (rate, len(times)) == (100.0, 30)
    # One after another, each 50 ms, where one is due every ten: the last waits for all before it.
    assert max(times) > 29 * 50 - 2 * 300


def test_without_a_rate_it_is_half_of_what_is_answered(patient: None) -> None:
    count = 0

    async def fast(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response()

    rate, times = asked(fast, None, 0.4)
    assert rate == (count - len(times)) / 0.1 / 2


def test_a_generator_that_is_late_says_so() -> None:
    async def held_up(_: web.Request) -> web.Response:
        time.sleep(0.1)  # of the loop that asks, too
        return web.Response()

    with pytest.raises(BonsaiError, match=r"^the generator began \d+ of 30 requests over 5 ms late, at 100 a second"):
        asked(held_up, 100.0, 0.3)


def test_a_service_that_fails_is_a_sentence() -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500)

    with pytest.raises(BonsaiError, match=r"/nano/predict did not answer .*500"):
        asked(broken, 100.0, 0.1)
