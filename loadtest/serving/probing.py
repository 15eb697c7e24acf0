"""How a server that has too much to do answers others: `python -m loadtest.serving.probing URL SECONDS BODY` asks
beside the load, in a process of its own, and prints what each answer took.

It keeps its own time: the next question is asked when it is due, answered or not.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.errors import LoadTestError

ROOT = Path(__file__).parents[2]
EVERY_S = {"predict": 0.025, "livez": 0.05, "metrics": 0.1}
PATIENCE_S = 30.0
NO_ANSWER = 0  # in the place of a status

Probe = tuple[int, float]  # status and milliseconds


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers predictions."""

    host: str
    port: int
    path: str


def start(url: str, seconds: float, body: str) -> "subprocess.Popen[str]":
    """Begin to ask, in a process of its own."""
    command = [sys.executable, "-m", "loadtest.serving.probing", url, str(seconds), body]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> dict[str, list[Probe]]:
    """Wait for it, and return what was asked with status and milliseconds of each answer (LoadTestError)."""
    with process:
        try:
            out, said = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise LoadTestError(f"what asks beside the load ended with exit code {process.returncode}: {said[-200:]!r}")
    return {what: [(status, ms) for status, ms in probes] for what, probes in json.loads(out).items()}


async def probe(address: Address, seconds: float, body: str) -> dict[str, list[Probe]]:
    """Ask for so many seconds."""
    head = f"POST {address.path} HTTP/1.1\r\nhost: {address.host}\r\ncontent-type: application/json\r\n"
    given = body.encode()
    questions = {what: f"GET /{what} HTTP/1.1\r\nhost: {address.host}\r\n\r\n".encode() for what in EVERY_S}
    questions["predict"] = f"{head}content-length: {len(given)}\r\n\r\n".encode() + given
    found = await asyncio.gather(
        *(_in_time(every, seconds, partial(_ask, address, questions[what])) for what, every in EVERY_S.items())
    )
    return dict(zip(EVERY_S, found, strict=True))


async def _in_time(every: float, seconds: float, ask: Callable[[], Coroutine[Any, Any, Probe]]) -> list[Probe]:
    start, asked = time.monotonic(), list["asyncio.Task[Probe]"]()
    while (due := len(asked) * every) < seconds:
        await asyncio.sleep(start + due - time.monotonic())
        asked.append(asyncio.create_task(ask()))
    return list(await asyncio.gather(*asked))


async def _ask(address: Address, question: bytes) -> Probe:
    """Ask once, on a connection of its own, which is in the time: whoever looks whether a service lives opens one."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                writer.write(question)
                status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError):
        status = NO_ANSWER
    return status, round(1000 * (time.monotonic() - began), 3)


def main() -> None:
    """Ask, and print it as one line of JSON."""
    url, seconds, body = sys.argv[1:]
    parts = urlsplit(url)
    address = Address(parts.hostname or "", parts.port or 80, parts.path)
    print(json.dumps(asyncio.run(probe(address, float(seconds), body))))


if __name__ == "__main__":
    main()
