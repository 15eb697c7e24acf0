"""How many texts a key may ask for: a leaky bucket that all workers of a service share.

Kept is one number a key, when all that it has taken will have leaked away (the generic cell rate algorithm, ITU-T
I.371): in a file that the workers map into memory, so that it takes no lock and no call of the system. Two workers that
count in the same microsecond may count one request instead of two.
"""

import hashlib
import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = "allowances"
BYTES = 8  # of a number: a time.monotonic(), which all processes of a machine share
ROUNDING_S = 1e-6


class Allowance:
    """One key's: `texts_per_second` for ever, `burst` at once after a pause (by default one second's)."""

    def __init__(
        self,
        key: str,
        texts_per_second: float,
        burst: float | None = None,
        shared: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key` tells it from others in the folder that the workers of a service share; alone it needs none."""
        self.texts_per_second = texts_per_second
        self.burst = max(1.0, texts_per_second if burst is None else burst)
        self._clock = clock
        self._until = memoryview(mmap.mmap(-1, BYTES) if shared is None else _shared(shared, key)).cast("d")

    def take(self, texts: int, taken: int = 0) -> float:
        """Take so many texts, and return 0; or take none, and return the seconds after which they can be had.

        `taken` are those that the same request took before. What is more than the burst can be had after a pause, and
        keeps later ones waiting for as long as it takes.
        """
        now = self._clock()
        until: float = max(now, self._until[0])
        needed = min(texts, self.burst - taken)
        wait = until - now - (self.burst - needed) / self.texts_per_second
        if wait > ROUNDING_S:
            return wait
        self._until[0] = until + texts / self.texts_per_second
        return 0.0

    def give_back(self, texts: int) -> None:
        """Undo what was taken for a request that is not answered."""
        self._until[0] -= texts / self.texts_per_second


def _shared(folder: Path, key: str) -> mmap.mmap:
    (folder / FOLDER).mkdir(exist_ok=True)
    descriptor = os.open(folder / FOLDER / hashlib.sha256(key.encode()).hexdigest(), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, BYTES)
        return mmap.mmap(descriptor, BYTES)
    finally:
        os.close(descriptor)
