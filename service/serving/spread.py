"""Spreads connections over the workers.

Workers accept from one socket, and many connections may land on one of them. So each tells the others how many
connections it had requests from lately; one that has more than its share closes some after their next answer. Clients
open them anew, and whichever worker is idle accepts them. A connection that stays costs one answer a `Connection:
close`, no more.
"""

import asyncio
import mmap
import os
import struct
import time
from collections.abc import Container
from pathlib import Path

WINDOW_S = 0.1
STALE_S = 2.0  # a worker that has not written for so long has ended
SLOT = struct.Struct("=Id")  # connections, time.monotonic(), which all processes of a machine share
SLOTS = 1024
FILE = "connections"


class Spread:
    """One worker's part in it, of `workers`; alone it does nothing."""

    def __init__(self, folder: Path | None, worker: int, workers: int, kept: Container[object] = frozenset()) -> None:
        """`folder` is one that the workers of this service share, and no other does; `worker` counts from 0; `kept` are
        clients that would lose a request with their connection.
        """
        self._kept = kept
        self._alone = workers < 2 or folder is None or worker >= SLOTS
        self._worker, self._clients, self._too_many = worker, set[object](), 0
        self._task: asyncio.Task[None] | None = None
        if not self._alone:
            assert folder is not None
            descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(descriptor, SLOT.size * SLOTS)
            self._table = mmap.mmap(descriptor, SLOT.size * SLOTS)
            os.close(descriptor)

    def start(self) -> None:
        """Begin to count, in a running event loop."""
        if not self._alone:
            self._task = asyncio.get_running_loop().create_task(self._count())

    def is_one_too_many(self, client: object, draining: bool = False) -> bool:
        """Note an answer to a connection, by its address, and tell whether the connection should be closed after it:
        while `draining` all of them.
        """
        if draining:
            return client not in self._kept
        if self._alone:
            return False
        self._clients.add(client)
        if self._too_many and client not in self._kept:
            self._too_many -= 1
            return True
        return False

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_S)
            self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """Tell the others what this worker has, and find out how many too many that is."""
        mine, self._clients = len(self._clients), set()
        SLOT.pack_into(self._table, SLOT.size * self._worker, mine, now)
        counts = [count for count, at in SLOT.iter_unpack(self._table) if now - STALE_S < at <= now + STALE_S]
        share = -(-sum(counts) // len(counts))  # rounded up: of nine connections two workers have five and four
        self._too_many = max(0, mine - share)
