"""Ids of requests: the client's own where it can be echoed, or else 32 random digits."""

import os
from collections.abc import Iterator

AT_ONCE = 256  # ids: asking the system for each alone takes twice as long


def request_id(given: str) -> str:
    """Return the id of a request, of whose client this id is given, or nothing."""
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else _next()


def _random() -> Iterator[str]:
    while True:
        digits = os.urandom(16 * AT_ONCE).hex()
        for place in range(0, len(digits), 32):
            yield digits[place : place + 32]


_next = _random().__next__
