"""Random digits for what has to have a name of its own, many at once: asking the system for each alone takes longer."""

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


next_key = RandomDigits(20)  # of a prediction: 80 bits, alike by chance once in some 10 ** 12
