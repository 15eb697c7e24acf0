"""A service at half of what it can take: requests start by the clock, so that one that waits is counted as late (open
loop), and a generator that is late itself is said to be.
"""

import asyncio
import time

import aiohttp
import numpy as np

from models.runtime.errors import BonsaiError

BODY = {"texts": ["my card was charged twice and i want my money back"]}
CONNECTIONS = 8  # that find out what it can take
MOST_CONNECTIONS = 64
LATE_MS, LATE_SHARE = 5.0, 0.01  # of the requests, how many the generator may begin so late


async def half_load(host: str, variant: str, rate: float | None, seconds: float) -> tuple[float, list[float]]:
    """Return the rate, half of the highest unless it is given, and the milliseconds of each request at it (BonsaiError
    where it cannot be asked, or not in time).
    """
    path = f"/{variant}/predict"
    timeout, connector = aiohttp.ClientTimeout(30), aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
    try:
        async with aiohttp.ClientSession(host, timeout=timeout, connector=connector) as client:
            rate = rate or await _most(client, path, seconds / 4) / 2
            begin = time.monotonic() + 0.5
            dues = begin + np.cumsum(np.random.default_rng(0).exponential(1 / rate, int(rate * seconds)))
            found = await asyncio.gather(*(_ask_when_due(client, path, float(due)) for due in dues))
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise BonsaiError(f"{host}{path} did not answer ({str(problem) or type(problem).__name__})") from problem
    late = sum(began > LATE_MS for began, _ in found)
    if late > LATE_SHARE * len(found):
        raise BonsaiError(
            f"the generator began {late} of {len(found)} requests over {LATE_MS:g} ms late, at {rate:.0f} a second: "
            "the times would be its own; ask a larger variant"
        )
    return rate, [took for _, took in found]


async def _most(client: aiohttp.ClientSession, path: str, seconds: float) -> float:
    """Return the requests a second that some connections get answered, each asking again at once."""
    until, count = time.monotonic() + seconds, 0

    async def again() -> None:
        nonlocal count
        while time.monotonic() < until:
            await _ask(client, path)
            count += 1

    await asyncio.gather(*(again() for _ in range(CONNECTIONS)))
    return count / seconds


async def _ask_when_due(client: aiohttp.ClientSession, path: str, due: float) -> tuple[float, float]:
    """Ask once; return by how many milliseconds it began late, and how many after it was due it was answered."""
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    late = time.monotonic() - due
    await _ask(client, path)
    return late * 1000, (time.monotonic() - due) * 1000


async def _ask(client: aiohttp.ClientSession, path: str) -> None:
    async with client.post(path, json=BODY, raise_for_status=True) as answer:
        await answer.read()
