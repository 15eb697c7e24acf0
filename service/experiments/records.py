"""The way of answers to the process that writes them down: from a worker in a bounded queue, a few at a time, and never
waited for; from the process of shadows as soon as there is room.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import orjson

from service.experiments.losses import LOST
from service.store.rows import Served, Shadow

MOST_WAITING = 20_000  # rows of a worker, while the process is not there
AT_ONCE = 512  # rows of a datagram
# How long a row waits for others in its worker. Each datagram wakes the process, which takes a processor and what its
# caches hold from those that answer: fifty a second made every answer dearer than to write it down is.
GATHER_S = 0.2
AGAIN_S = 0.02  # where the process has no room, or is not there: both pass
MOST_BYTES = 160 * 2**10  # of a datagram; Linux takes 200 kB
FULL, CLOSED = "full queue", "closed"
ROOM_WITHIN_S = 5.0
SERVED, SHADOWS = "served", "shadows"  # kinds of rows


class Way:
    """The way to the process, for one that sends."""

    def __init__(self, address: Path, timeout: float) -> None:
        """With a `timeout` of 0 seconds nothing is waited for."""
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(timeout)

    def send(self, rows: Sequence[Served] | Sequence[Shadow]) -> int:
        """Send rows, all of a kind, and return how many of them, from the first on, need not be sent again."""
        content = encode(rows)
        if len(content) > MOST_BYTES:  # long texts, which are to be kept
            if len(rows) == 1:
                LOST.labels("too large").inc()
                return 1
            half = len(rows) // 2
            sent = self.send(rows[:half])
            return sent if sent < half else half + self.send(rows[half:])
        try:
            self._socket.sendto(content, self._address)
        except OSError:
            return 0
        return len(rows)

    def close(self) -> None:
        """Send nothing any more."""
        self._socket.close()


class Records:
    """The rows of one worker that are to be written down."""

    def __init__(self, address: Path) -> None:
        self._way = Way(address, 0)
        self._waiting: deque[Served] = deque()
        self._scheduled = False

    def offer(self, rows: Sequence[Served]) -> None:
        """Leave a request's rows to be sent soon, from the event loop; those that do not fit are counted as lost."""
        if len(self._waiting) + len(rows) > MOST_WAITING:
            LOST.labels(FULL).inc(len(rows))
            return
        self._waiting.extend(rows)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def _send(self) -> None:
        """Send some, and the next ones after a turn of the loop."""
        is_sent = self._send_some()
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            more = 0 if len(self._waiting) >= AT_ONCE else GATHER_S
            asyncio.get_running_loop().call_later(more if is_sent else AGAIN_S, self._send)

    def _send_some(self) -> bool:
        """Send as many as go at once, and tell whether there was room for them."""
        rows = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        sent = self._way.send(rows)
        self._waiting.extendleft(reversed(rows[sent:]))
        return sent == len(rows)

    def close(self) -> None:
        """Send what is left, when the service ends."""
        while self._waiting and self._send_some():
            pass
        LOST.labels(CLOSED).inc(len(self._waiting))
        self._way.close()


class Unseen:
    """The rows of the process of shadows, which gather while it has more to do, and wait where there is no room."""

    def __init__(self, address: Path) -> None:
        self._way = Way(address, ROOM_WITHIN_S)
        self._waiting: list[Shadow] = []

    @property
    def is_enough(self) -> bool:
        """Tell whether so many have gathered that they should be sent."""
        return len(self._waiting) >= AT_ONCE

    def offer(self, row: Shadow) -> None:
        """Leave a row to be sent."""
        self._waiting.append(row)

    def send(self) -> None:
        """Send what has gathered; what finds no room in a while is counted as lost."""
        while some := self._waiting[:AT_ONCE]:
            LOST.labels(FULL).inc(len(some) - self._way.send(some))
            del self._waiting[: len(some)]

    def close(self) -> None:
        """Count what was not sent as lost, when the process ends."""
        LOST.labels(CLOSED).inc(len(self._waiting))
        self._way.close()


def encode(rows: Sequence[Served] | Sequence[Shadow]) -> bytes:
    """Return a datagram of rows, all of a kind."""
    kind = SHADOWS if rows and isinstance(rows[0], Shadow) else SERVED
    return orjson.dumps((kind, [tuple(row) for row in rows]))


def decode(content: bytes) -> list[Served | Shadow]:
    """Return the rows of a datagram."""
    kind, rows = orjson.loads(content)
    return list(map((Shadow if kind == SHADOWS else Served)._make, rows))
