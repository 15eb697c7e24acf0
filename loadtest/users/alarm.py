"""Wake a greenlet at a moment, to a few microseconds: gevent's own sleep comes 0.5 to 1 ms late, which is longer than
our fast variants take.
"""

import ctypes
import os
import sys
from time import perf_counter_ns

import gevent

# Measured with both cores busy, µs late at p50 / p99 and share of a core at 300 wake-ups a second: gevent.sleep 704 /
# 1,181, 3 %; timerfd 86 / 263, 3 %; turning the event loop for the last 1.5 ms 2 / 41, 28 %. So: a timerfd for most of
# the way, and only the last of it in turns.
LAST_NS = 200_000
EMPTY_TURN_NS = 20_000
LONGEST_NS = 50_000_000  # between two looks at whether the test still runs
CLOCK_MONOTONIC, ABSOLUTE, READABLE = 1, 1, 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """One timer, for one waiting greenlet at a time."""

    turning_ns = 0  # spent by all of a process in turns in which nothing happened: they look like work, and are not

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._fd: int = (
            self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC) if self._libc is not None else -1
        )
        if self._fd < 0:  # another system, or no file is left: the connection will say so
            self._libc = None
        else:
            self._timer = _Timer()
            self._hub = gevent.get_hub()
            self._watcher = self._hub.loop.io(self._fd, READABLE)

    def wait(self, due: int) -> bool:
        """Come back at `due` (perf_counter_ns) and say True, or after a while and say False."""
        left = due - perf_counter_ns()
        if left > LONGEST_NS:
            gevent.sleep(LONGEST_NS / 2e9)
            return False
        if left > LAST_NS:
            self._sleep_until(due - LAST_NS)
        now = perf_counter_ns()
        while now < due:
            gevent.sleep(0)
            turned, now = now, perf_counter_ns()
            if now - turned < EMPTY_TURN_NS:
                Alarm.turning_ns += now - turned
        return True

    def close(self) -> None:
        """Give the timer back."""
        if self._libc is not None:
            self._watcher.close()
            os.close(self._fd)
            self._libc = None

    def _sleep_until(self, moment: int) -> None:
        if self._libc is None:  # where there is no timerfd, the turns go on for longer
            gevent.sleep(max(moment - perf_counter_ns() - 1_000_000, 0) / 1e9)
            return
        self._timer.value.seconds, self._timer.value.nanoseconds = divmod(moment, 1_000_000_000)
        self._libc.timerfd_settime(self._fd, ABSOLUTE, ctypes.byref(self._timer), None)
        self._hub.wait(self._watcher)
        os.read(self._fd, 8)
