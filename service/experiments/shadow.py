"""Requests that also run on other arms, unseen: handed to a process that computes when nobody else wants to.

A thread in the worker would be in the way: it holds the interpreter's lock while the system lets others go first.
Datagrams are never waited for; what the process does not take is dropped and counted.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from service.experiments.losses import LOST

MOST_BYTES = 128 * 2**10  # of a datagram; what Linux takes at least
AGAIN_S = 0.005  # after the process took no more
TOLD_S = 0.1


class Row(NamedTuple):
    """One text that was answered."""

    key: str
    text: str
    label: str
    score: float


class Work(NamedTuple):
    """A request that other arms are to answer too."""

    experiment: str
    revision: int
    control: str
    version: str
    arms: Sequence[str]
    at: float
    rows: Sequence[Row]

    def encode(self) -> bytes:
        """Return it as bytes."""
        return orjson.dumps((*self[:-1], [tuple(row) for row in self.rows]))

    @classmethod
    def decode(cls, content: bytes) -> "Work":
        """Return what `encode` made."""
        work = cls(*orjson.loads(content))
        return work._replace(rows=[Row(*row) for row in work.rows])


class Shadow:
    """The way from a worker to the process beside it."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._full_until = 0.0
        self._dropped = 0

    @property
    def is_full(self) -> bool:
        """Tell whether nothing would be taken: whoever asks first need not make ready what is dropped then."""
        return time.monotonic() < self._full_until

    def offer(self, work: Work) -> None:
        """Hand a request over, or count that it was not taken."""
        content = work.encode()
        if len(content) > MOST_BYTES:
            lose(len(work.rows), len(work.arms))
            return
        try:
            self._socket.sendto(content, self._address)
        except OSError:
            self._full_until = time.monotonic() + AGAIN_S
            lose(len(work.rows), len(work.arms))

    def drop(self, texts: int, arms: int) -> None:
        """Count, from the event loop, texts that so many arms will not be asked because it is full: that many requests
        come between two that are handed over, and to tell of each takes longer than to answer some.
        """
        if not self._dropped:
            asyncio.get_running_loop().call_later(TOLD_S, self._tell)
        self._dropped += texts * arms

    def _tell(self) -> None:
        lose(self._dropped, 1)
        self._dropped = 0

    def close(self) -> None:
        """Hand nothing over any more."""
        self._tell()
        self._socket.close()


def lose(texts: int, arms: int) -> None:
    """Count texts that so many arms will not be asked."""
    LOST.labels("shadow").inc(texts * arms)
