"""What a build may take of the machine that serves, as the operator sets it."""

import os
from typing import NamedTuple

from models.runtime.errors import BonsaiError

MOST = 1_000_000_000


class Limits(NamedTuple):
    """Seconds and MiB of one build, and cores; the figures' defaults are those of no limit but time."""

    seconds: int = 7200
    memory_mb: int = 0  # none
    cores: int = 1


def limits() -> Limits:
    """Read BONSAI_BUILD_SECONDS, BONSAI_BUILD_MEMORY_MB and BONSAI_BUILD_CORES (BonsaiError)."""
    return Limits(
        _number("BONSAI_BUILD_SECONDS", Limits().seconds, 1),
        _number("BONSAI_BUILD_MEMORY_MB", 0, 0),
        _number("BONSAI_BUILD_CORES", 1, 1),
    )


def _number(name: str, default: int, least: int) -> int:
    given = os.environ.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and least <= int(given) <= MOST):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected a whole number from {least} to {MOST:,}")
    return int(given)
