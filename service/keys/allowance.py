"""How many texts a key may ask for: a leaky bucket that all workers of a service share.

Kept is one number a key, when all that it has taken will have leaked away (the generic cell rate algorithm, ITU-T
I.371): a time.monotonic(), which is one for all processes of a machine, in memory that the workers share, so that it
takes no lock and no call of the system. Two workers that count in the same microsecond may count one request instead of
two.
"""

import time
from collections.abc import Callable

ROUNDING_S = 1e-6
MOST_TEXTS = 4096  # of one request


class Allowance:
    """One key's: `texts_per_second` for ever, `burst` at once after a pause (by default one second's)."""

    def __init__(
        self,
        texts_per_second: float,
        burst: float | None = None,
        until: "memoryview[float] | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`until` is the key's number among those that the workers of a service share; alone it has its own."""
        self.texts_per_second = texts_per_second
        self.burst = max(1.0, texts_per_second if burst is None else burst)
        self._clock = clock
        self._until = memoryview(bytearray(8)).cast("d") if until is None else until

    def take(self, texts: int, taken: int = 0) -> float:
        """Take so many texts, and return 0; or take none, and return the seconds after which they can be had.

        `taken` are those that the same request took before. What is more than the burst can be had after a pause, and
        keeps later ones waiting for as long as it takes.
        """
        now = self._clock()
        until: float = max(now, self._until[0])
        # More than one request is never owed, but at another rate, before the keys were changed.
        if until > (most := now + (self.burst + MOST_TEXTS) / self.texts_per_second):
            until = self._until[0] = most
        needed = min(texts, self.burst - taken)
        wait = until - now - (self.burst - needed) / self.texts_per_second
        if wait > ROUNDING_S:
            return wait
        self._until[0] = until + texts / self.texts_per_second
        return 0.0

    def give_back(self, texts: int) -> None:
        """Undo what was taken for a request that is not answered."""
        self._until[0] -= texts / self.texts_per_second
