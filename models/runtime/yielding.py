"""Background work that gives way at once.

At the idle priority too a thread keeps its processor until the system's next tick, 4 ms at 250 Hz, where what wakes
meanwhile has just had more than its share: since 6.6 Linux lets such a thread wait until it is eligible again
(docs.kernel.org/scheduler/sched-eevdf.html), and looks again at the next tick only, or when somebody yields. Two loops
at that priority, of another program, took the p99 of a service of half a millisecond from 1.2 to 4 ms; with a timer
that lets them yield every half millisecond it was 1.2 ms. What computes is often in a library's C for longer than
that, so the timer sends a signal, and the handler is the system's own `sched_yield`.
"""

import contextlib
import ctypes
import os
import signal
import threading
import time
from pathlib import Path

EVERY_NS = 500_000
LOOK_S = 0.2  # how often threads are looked at
COMPUTES = 0.15  # the share of that time from which on a thread is one that computes; of the others a timer takes 0.06
THREADS = Path("/proc/self/task")
MONOTONIC, TO_A_THREAD = 1, 4  # CLOCK_MONOTONIC, SIGEV_THREAD_ID


class _Event(ctypes.Structure):
    """A `struct sigevent` of 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("rest", ctypes.c_byte * 44),
    )


class _Times(ctypes.Structure):
    """A `struct itimerspec`."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("again_s", "again_ns", "first_s", "first_ns"))


OFTEN, NEVER = _Times(0, EVERY_NS, 0, EVERY_NS), _Times()


class Yielding:
    """Lets a thread, by default the one that makes this, yield to others every half millisecond within the `with`;
    nothing where the system has no means.
    """

    def __init__(self, thread: int | None = None) -> None:
        """`thread` is the system's number of a thread of this process."""
        self._timer: ctypes.c_void_p | None = None
        timer = ctypes.c_void_p()
        with contextlib.suppress(OSError, AttributeError):
            self._libc = ctypes.CDLL(None)
            number = int(signal.SIGRTMIN) + 1
            # Python's own signal.signal would run a handler when the C code has returned, and in the main thread.
            self._libc.signal(number, ctypes.cast(self._libc.sched_yield, ctypes.c_void_p))
            event = _Event(None, number, TO_A_THREAD, thread or threading.get_native_id())
            if self._libc.timer_create(MONOTONIC, ctypes.byref(event), ctypes.byref(timer)) == 0:
                self._timer = timer

    def __enter__(self) -> None:
        self._set(OFTEN)

    def __exit__(self, *_: object) -> None:
        self._set(NEVER)

    def close(self) -> None:
        """Give the timer back."""
        if self._timer is not None:
            self._libc.timer_delete(self._timer)
            self._timer = None

    def _set(self, times: _Times) -> None:
        if self._timer is not None:
            self._libc.timer_settime(self._timer, 0, ctypes.byref(times), None)


class Computing:
    """Those threads of this process that compute; all of them yield."""

    def __init__(self) -> None:
        """Begin to look."""
        self._yielding: dict[int, Yielding] = {}
        self._ran, self._looked = _ran(), time.monotonic_ns()

    def look(self) -> None:
        """Let every thread yield that has computed since the last look, and no other."""
        now, ran = time.monotonic_ns(), _ran()
        least = (now - self._looked) * COMPUTES
        computing = {thread for thread, ns in ran.items() if ns - self._ran.get(thread, 0) > least}
        self._looked, self._ran = now, ran
        for thread in self._yielding.keys() - computing:
            self._yielding.pop(thread).close()
        for thread in computing - self._yielding.keys():
            self._yielding[thread] = Yielding(thread)
            self._yielding[thread].__enter__()


def yield_often(*, if_idle: bool = False) -> None:
    """Let whatever thread of this process computes yield often from now on, or only if it has the idle priority;
    nothing where the system has no means.
    """
    if not THREADS.is_dir() or (if_idle and os.sched_getscheduler(0) != os.SCHED_IDLE):
        return
    computing = Computing()

    def watch() -> None:
        while True:
            time.sleep(LOOK_S)
            computing.look()

    threading.Thread(target=watch, name="yielding", daemon=True).start()


def _ran() -> dict[int, int]:
    """Return the nanoseconds that each thread of this process has run."""
    found = {}
    for thread in THREADS.iterdir():
        with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile, or this system does not count
            found[int(thread.name)] = int((thread / "schedstat").read_bytes().split()[0])
    return found
