"""The keys that hold now: a thread of each worker looks at their file, and what cannot be read changes nothing."""

import contextlib
import logging
import threading
from pathlib import Path

from models.runtime.errors import BonsaiError
from models.runtime.files import replaced
from service.keys.buckets import Buckets
from service.keys.entries import Entry, read_entries
from service.keys.keys import Keys

POLL_S = 0.5
LAST = "keys"  # the last ones that could be read, for a worker that starts while the file cannot

logger = logging.getLogger("bentoml.bonsai")


class WatchedKeys:
    """The keys of a file, read anew within a second of every change once `start` was called."""

    def __init__(self, file: Path, shared: Path | None = None) -> None:
        """`shared` is the folder that the workers of this service share (BonsaiError where it cannot be used, or the
        file holds no keys and no worker has read it before).
        """
        self._file, self._shared = file, shared
        self._buckets = None if shared is None else Buckets(shared)
        self._seen: tuple[int, ...] | None = _signature(file)
        self._problem = ""
        try:
            entries = read_entries(file)
        except BonsaiError as problem:
            last = None if shared is None else shared / LAST
            if last is None or not last.exists():
                raise
            self._seen = None
            self._stay(str(problem))
            entries = read_entries(last)
        self.now = Keys(entries, self._buckets)
        self._keep(entries)
        self._end = threading.Event()

    def start(self) -> None:
        """Look at the file from now on."""
        threading.Thread(target=self._run, name="keys", daemon=True).start()

    def close(self) -> None:
        """End."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(POLL_S):
            try:
                self.turn()
            except Exception as problem:  # whatever it was, a key that is revoked later has to go
                self._stay(repr(problem))

    def turn(self) -> None:
        """Look at the file once; a request sees the old keys or the new ones, whole.

        What failed is tried again at the next turn: the file may be as it should, and descriptors have run out.
        """
        seen = _signature(self._file)
        if seen == self._seen:
            self._problem = ""
            return
        try:
            entries = read_entries(self._file)
            self.now = Keys(entries, self._buckets)
        except BonsaiError as problem:
            self._stay(str(problem))
            return
        self._seen, self._problem = seen, ""
        self._keep(entries)
        logger.info("%d keys are valid", len(entries))

    def _stay(self, problem: str) -> None:
        """Say once what the problem is."""
        if problem != self._problem:
            self._problem = problem
            logger.warning("the keys stay as they are: %s", problem)

    def _keep(self, entries: list[Entry]) -> None:
        if self._shared is None:
            return
        with contextlib.suppress(OSError), replaced(self._shared / LAST) as out:
            out.write("# the last keys that could be read\n" + "".join(f"{entry.line()}\n" for entry in entries))


def _signature(file: Path) -> tuple[int, ...]:
    """Return what tells one content of a file from the next: its place on the disk, times and size. The time of its
    last change no one can set.
    """
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
