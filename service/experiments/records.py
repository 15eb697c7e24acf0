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
from service.experiments.recording import Answered, Failure
from service.store.rows import Served, Shadow

MOST_WAITING = 10_000  # requests, while the process is not there
AT_ONCE = 64  # requests of a datagram, and texts of a piece of one
GATHER_S = 0.02
MOST_BYTES = 160 * 2**10  # of a datagram; Linux takes 200 kB
FULL, CLOSED = "full queue", "closed"
ROOM_WITHIN_S = 5.0
SERVED, SHADOWS = "served", "shadows"  # kinds of rows


class Records:
    """The rows of one worker that are to be written down."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._waiting: deque[Answered | Failure] = deque()
        self._scheduled = False

    def offer(self, noted: Answered | Failure) -> None:
        """Leave a request to be sent soon, from the event loop; what does not fit is counted as lost."""
        if len(self._waiting) >= MOST_WAITING:
            LOST.labels(FULL).inc(len(noted.rows()))
            return
        self._waiting.extend(noted.pieces(AT_ONCE))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def _send(self) -> None:
        """Send some, and the next ones after a turn of the loop."""
        some, rows = list[Answered | Failure](), list[Served]()
        while self._waiting and len(rows) < AT_ONCE:
            some.append(self._waiting.popleft())
            rows += some[-1].rows()
        taken = self._try_to_send(rows)
        if not taken:  # its queue is full, or it is not there: both pass
            self._waiting.extendleft(reversed(some))
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            pause = GATHER_S if not taken or len(self._waiting) < AT_ONCE else 0
            asyncio.get_running_loop().call_later(pause, self._send)

    def _try_to_send(self, rows: Sequence[Served]) -> bool:
        content = encode(rows)
        if len(content) > MOST_BYTES:  # long texts, which are to be kept
            if len(rows) == 1:
                LOST.labels("too large").inc()
                return True
            half = len(rows) // 2
            return self._try_to_send(rows[:half]) and self._try_to_send(rows[half:])
        try:
            self._socket.sendto(content, self._address)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Send what is left, when the service ends."""
        while self._waiting:
            rows = self._waiting.popleft().rows()
            if not self._try_to_send(rows):
                LOST.labels(CLOSED).inc(len(rows) + len(self._waiting))
                return


class Unseen:
    """The rows of the process of shadows, which gather while it has more to do, and wait where there is no room."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(ROOM_WITHIN_S)
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
            try:
                self._socket.sendto(encode(some), self._address)
            except OSError:
                LOST.labels(FULL).inc(len(some))
            del self._waiting[: len(some)]

    def close(self) -> None:
        """Count what was not sent as lost, when the process ends."""
        LOST.labels(CLOSED).inc(len(self._waiting))
        self._socket.close()


def encode(rows: Sequence[Served] | Sequence[Shadow]) -> bytes:
    """Return a datagram of rows, all of a kind."""
    kind = SHADOWS if rows and isinstance(rows[0], Shadow) else SERVED
    return orjson.dumps((kind, [tuple(row) for row in rows]))


def decode(content: bytes) -> list[Served | Shadow]:
    """Return the rows of a datagram."""
    kind, rows = orjson.loads(content)
    return [Shadow(*row) if kind == SHADOWS else Served(*row) for row in rows]
