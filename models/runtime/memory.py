"""Memory that is freed: kept for what is computed next, or given back to the system (glibc alone can be told)."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of mallopt(3)
KEPT = 2**28  # bytes; the largest tensor of a training step, the gradient of all-MiniLM's word embeddings, has 47 MB


@contextmanager
def keeping_freed() -> Iterator[None]:
    """Keep up to 256 MiB of what is freed, from here on; what is left of it goes back to the system at the end.

    By itself glibc maps every large array anew, and the system clears its pages again: a tenth of a training step.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, KEPT)
        libc.mallopt(TRIM_THRESHOLD, KEPT)
    try:
        yield
    finally:
        return_memory()


def return_memory() -> None:
    """Give back to the system what was taken and freed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
