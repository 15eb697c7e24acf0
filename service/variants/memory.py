"""What loading leaves behind: the collector's list of what lives on, and memory that the system may have back."""

import contextlib
import ctypes
import gc


def settle() -> None:
    """Collect, and let the collector never walk again over what is alive now: full collections were the tail latency.

    What is frozen goes all the same when nothing refers to it any more.
    """
    gc.collect()
    gc.freeze()


def return_memory() -> None:
    """Give back to the system what loading took and freed."""
    with contextlib.suppress(OSError, AttributeError):  # glibc alone can be asked to
        ctypes.CDLL(None).malloc_trim(0)
