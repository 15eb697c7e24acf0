"""Callers of a service, each a process of its own: what watches the service would hold their interpreter just while
something happens.
"""

import http.client
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

APART = multiprocessing.get_context("spawn")
CALLERS = 2
HEADERS = {"Content-Type": "application/json"}


class Asked(NamedTuple):
    """One request: when it was due, a time.monotonic(), the seconds from then to its answer, and the variant."""

    due: float
    seconds: float
    variant: str


class Callers:
    """Ask variants in turn over connections that are kept, at a rate or as fast as they answer."""

    def __init__(self, host: str, names: Sequence[str], text: str, rate: float | None = None) -> None:
        """`rate` is the requests a second of all callers together."""
        self._given = urlsplit(host).netloc, list(names), text, rate
        self.asked: list[Asked] = []
        self.failed: list[str] = []
        self.took = 0.0

    @contextmanager
    def asking(self) -> Iterator["Callers"]:
        """Ask until the block ends; then all that was asked is known."""
        ready, began, end = APART.Barrier(CALLERS + 1), APART.Value("d"), APART.Event()
        answers = APART.SimpleQueue()
        processes = [
            APART.Process(target=_ask, args=(place, *self._given, ready, began, end, answers), daemon=True)
            for place in range(CALLERS)
        ]
        for process in processes:
            process.start()
        ready.wait(60)
        began.value = time.monotonic()
        ready.wait(60)
        try:
            yield self
        finally:
            self.took = time.monotonic() - began.value
            end.set()
            for _ in processes:
                asked, failed = answers.get()
                self.asked += asked
                self.failed += failed
            for process in processes:
                process.join()
            self.asked.sort()


def _ask(
    place: int, address: str, names: list[str], text: str, rate: float | None, ready: Any, began: Any, end: Any,
    answers: Any,
) -> None:  # fmt: skip
    connection = http.client.HTTPConnection(address, timeout=600)
    body = json.dumps({"texts": [text]})
    asked, failed = list[Asked](), list[str]()
    ready.wait()
    ready.wait()
    for number in count(place, CALLERS):
        due = time.monotonic() if rate is None else began.value + number / rate
        if end.wait(max(0.0, due - time.monotonic())):
            break
        name = names[number % len(names)]
        try:
            connection.request("POST", f"/{name}/predict", body, HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                failed.append(f"{answer.status} {said[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            failed.append(f"{type(error).__name__}: {error}")
            connection.close()
        asked.append(Asked(due, time.monotonic() - due, name))
    answers.put((asked, failed))
