"""The limit under which a rate counts: given, or five times the baseline's p99 one request after another, rounded so
that another run finds the same.
"""

from math import floor, log, log10
from typing import Any

TIMES = 5
READABLE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
PATIENCE_S = 60.0  # of measuring until the baseline has answers enough


def default_limit(name: str, p99: float | None) -> tuple[float, str] | None:
    """Return the limit and where it comes from; None while the p99 of the baseline lacks answers."""
    return None if p99 is None else (readable(TIMES * p99), f"{TIMES} times {name}'s p99 of {p99:.3g} ms, rounded")


def given_limit(limit_ms: float) -> dict[str, Any]:
    """Return a limit that was given, as the conditions keep it."""
    return {"limit_ms": limit_ms, "limit_from": "given with --p99-limit"}


def readable(value: float) -> float:
    """Return the nearest of 1, 1.5, 2, 3, 4, 5, 6, 8 and their tens."""
    power = 10.0 ** floor(log10(value))
    steps = [round(power * step, 9) for step in READABLE]
    return min(steps, key=lambda step: abs(log(step / value)))
