"""Digits for what has to have a name of its own, random ones, many at once: asking the system for each alone takes
longer.
"""

import os
from collections import deque
from collections.abc import Callable

AT_ONCE = 256


def random_digits(count: int) -> Callable[[], str]:
    """Return what gives strings of so many hexadecimal digits, an even number; threads may share it."""
    ready = deque[str]()
    take = ready.pop

    def give() -> str:
        try:
            return take()
        except IndexError:
            digits = os.urandom(count // 2 * AT_ONCE).hex()
            made = [digits[place : place + count] for place in range(0, len(digits), count)]
            ready.extend(made[1:])
            return made[0]

    return give


_random = random_digits(12)


def next_key(at: float) -> str:
    """Return what the store calls a prediction that was answered at this time (seconds since 1970).

    It begins with the millisecond, so that what is written together lies together: with random keys each row of a batch
    changes a page of its own, which took SQLite 2.5 times as long. The 48 random bits make keys of one millisecond
    alike by chance once in some years of ten thousand predictions a second.
    """
    return f"{int(at * 1000):011x}{_random()}"
