"""What a build may take of the machine that serves, as the operator sets it."""

import os
from typing import NamedTuple

from models.runtime.errors import BonsaiError

MOST = 1_000_000_000


class Limits(NamedTuple):
    """Seconds, MiB of memory and cores of one build, and the MiB of the disk that it leaves free."""

    seconds: int = 7200
    memory_mb: int = 0  # none
    cores: int = 1
    disk_mb: int = 512  # 0: whatever is free may be taken


def limits() -> Limits:
    """Read BONSAI_BUILD_SECONDS, BONSAI_BUILD_MEMORY_MB, BONSAI_BUILD_CORES and BONSAI_BUILD_DISK_MB (BonsaiError)."""
    return Limits(
        _number("BONSAI_BUILD_SECONDS", Limits().seconds, 1),
        _number("BONSAI_BUILD_MEMORY_MB", 0, 0),
        _number("BONSAI_BUILD_CORES", 1, 1),
        _number("BONSAI_BUILD_DISK_MB", Limits().disk_mb, 0),
    )


def _number(name: str, default: int, least: int) -> int:
    given = os.environ.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and least <= int(given) <= MOST):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected a whole number from {least} to {MOST:,}")
    return int(given)
