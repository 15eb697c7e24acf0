"""Ids of requests: the client's own where it can be echoed, or else 32 random digits."""

from service.experiments.keys import random_digits

_next = random_digits(32)


def request_id(given: str) -> str:
    """Return the id of a request, of whose client this id is given, or nothing."""
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else _next()
