"""What every key has taken, in one file that the workers of a service map into memory: one descriptor a worker, however
many keys there are.

A key has the same place in all workers, and keeps it for as long as the service runs: at a change of the keys, too, and
where it comes back. In the file stand the digests, one after the other as they came, and behind them all numbers.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from models.runtime.errors import BonsaiError
from service.keys.entries import MOST_KEYS

FILE = "allowances"
PLACES = 4 * MOST_KEYS
DIGEST, NUMBER = 32, 8  # bytes
SIZE = PLACES * (DIGEST + NUMBER)
FREE = bytes(DIGEST)


class Buckets:
    """The places of all keys."""

    def __init__(self, folder: Path) -> None:
        """Map the file of this folder, made where there is none (BonsaiError)."""
        self._file = folder / FILE
        try:
            with self._held() as opened:
                there = os.fstat(opened.fileno()).st_size  # opened.tell() is of before the lock
                opened.write(bytes(max(0, SIZE - there)))  # a disk that is full refuses now, and ends no worker later
                opened.flush()
                self._mapped = mmap.mmap(opened.fileno(), SIZE)
        except OSError as error:
            raise self._unusable(error) from error
        self._numbers = memoryview(self._mapped)[PLACES * DIGEST :].cast("d")

    def of(self, digests: Sequence[bytes]) -> "list[memoryview[float]]":
        """Return the place of each key's number, in the order of their digests, at most MOST_KEYS (BonsaiError)."""
        try:
            with self._held():
                places = self._taken()
                free = self._free(places, frozenset(digests))
                for digest in digests:
                    if digest not in places:
                        place = places[digest] = next(free)
                        self._numbers[place] = 0.0
                        self._mapped[place * DIGEST : (place + 1) * DIGEST] = digest
        except OSError as error:
            raise self._unusable(error) from error
        return [self._numbers[places[digest] : places[digest] + 1] for digest in digests]

    @contextmanager
    def _held(self) -> Iterator[BinaryIO]:
        """Open the file for one worker at a time."""
        with self._file.open("a+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            try:
                yield opened
            finally:  # closing would not: what is mapped stays open
                fcntl.flock(opened, fcntl.LOCK_UN)

    def _taken(self) -> dict[bytes, int]:
        taken = dict[bytes, int]()
        for place in range(PLACES):
            digest = self._mapped[place * DIGEST : (place + 1) * DIGEST]
            if digest == FREE:
                break
            taken[digest] = place
        return taken

    def _free(self, places: dict[bytes, int], wanted: frozenset[bytes]) -> Iterator[int]:
        """Yield places that no key had yet, and then those of keys that are gone, the one first that asked least
        lately.
        """
        gone = [place for digest, place in places.items() if digest not in wanted]
        yield from range(len(places), PLACES)
        yield from sorted(gone, key=lambda place: self._numbers[place])

    def _unusable(self, error: OSError) -> BonsaiError:
        return BonsaiError(
            f"'{self._file}', where the workers share what keys have taken, cannot be used ({error.strerror}); "
            "expected room on its disk and open files left (ulimit -n)"
        )
