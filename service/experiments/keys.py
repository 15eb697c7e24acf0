"""Digits for what has to have a name of its own, random ones, many at once: asking the system for each alone takes
longer.
"""

import os
from collections import deque

AT_ONCE = 256


class RandomDigits:
    """Gives strings of so many hexadecimal digits, an even number; threads may share it."""

    def __init__(self, count: int) -> None:
        self._count, self._ready = count, deque[str]()

    def __call__(self) -> str:
        """Return one that was not there before."""
        try:
            return self._ready.pop()
        except IndexError:
            digits = os.urandom(self._count // 2 * AT_ONCE).hex()
            made = [digits[place : place + self._count] for place in range(0, len(digits), self._count)]
            self._ready.extend(made[1:])
            return made[0]


_random = RandomDigits(12)


def next_key(at: float) -> str:
    """Return what the store calls a prediction that was answered at this time (seconds since 1970).

    It begins with the millisecond, so that what is written together lies together: with random keys each row of a batch
    changes a page of its own, which took SQLite 2.5 times as long. The 48 random bits make keys of one millisecond
    alike by chance once in some years of ten thousand predictions a second.
    """
    return f"{int(at * 1000):011x}{_random()}"
