"""Requests that also run on other arms, unseen: handed to a process that computes when nobody else wants to.

A thread in the worker would be in the way: it holds the interpreter's lock while the system lets others go first.
Datagrams are never waited for; what the process does not take is dropped and counted.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from service.experiments.losses import LOST

MOST_BYTES = 128 * 2**10  # of a datagram; what Linux takes at least
RESTART_S = 5.0

logger = logging.getLogger("bentoml.bonsai")


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

    def offer(self, work: Work) -> None:
        """Hand a request over, or count that it was not taken."""
        content = work.encode()
        try:
            if len(content) > MOST_BYTES:
                raise OSError("too large")
            self._socket.sendto(content, self._address)
        except OSError:
            LOST.labels("shadow").inc(len(work.rows) * len(work.arms))


class ShadowProcess:
    """The process that answers them, kept alive while an experiment asks for it."""

    def __init__(self, address: Path, folders: Mapping[str, Path], packed: Path | None) -> None:
        self._address, self._folders, self._packed = address, folders, packed
        self._arms: tuple[str, ...] = ()
        self._has = folders  # what the process was started with
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def follow(self, folders: Mapping[str, Path]) -> None:
        """Let it answer by these variants, from its next start on; what others ask of it meanwhile is lost."""
        self._folders = folders

    def keep(self, arms: Sequence[str], now: float) -> None:
        """Let it run with these arms; without any, end it. `now` is a time.monotonic()."""
        asked = tuple(arms) == self._arms and self._has == self._folders
        if self._process is not None and (not asked or self._process.poll() is not None):
            if asked:
                logger.warning("the shadow process ended with %s; it is started again", self._process.returncode)
            self.end()
        if arms and self._process is None and now - self._started >= RESTART_S:
            self._start(tuple(arms), now)

    def end(self) -> None:
        """End it; what it had not answered is lost."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
            self._started = 0.0

    def _start(self, arms: tuple[str, ...], now: float) -> None:
        self._arms, self._has, self._started = arms, self._folders, now
        folders = [f"{name}={folder}" for name, folder in self._has.items()]
        packed = ["--packed", str(self._packed)] if self._packed else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.experiments.shadowing", str(self._address), *folders, *packed],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
