"""Processes that let all others go before them.

A priority counts within what Linux shares the processor out to first: a container, or else a session
(sched(7), "The autogroup feature"). Each worker of a service is a session, so whatever one of them starts must take a
session of its own and make that light: in its worker's, two busy loops of the idle priority took the p99 of a request
of half a millisecond from 1 to 6 ms and 40 % of the throughput.
"""

import contextlib
import os
import time
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
MEMORY = Path("/proc/self/oom_score_adj")
MOST = 1000
IDLE = 500
TRIES, AGAIN_S = 10, 0.12  # the system takes such a change from one process every tenth of a second
LEAST = 19  # nice


def give_way(nice: int, *, idle: bool = False) -> None:
    """Let other processes go before this one, in a session of its own; with `idle`, all that want processor or
    memory.
    """
    with contextlib.suppress(OSError):  # it leads one already
        os.setsid()
    _make_session_light(LEAST if idle else nice)
    os.nice(nice)
    if idle:
        with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        end_first(IDLE)


def end_first(thousandths: int) -> None:
    """Let the kernel end this process and its children before others where a container's memory runs out, as if it took
    so much more of it (proc(5), "oom_score_adj").
    """
    with contextlib.suppress(OSError, ValueError):  # no Linux
        MEMORY.write_text(str(min(MOST, int(MEMORY.read_text()) + thousandths)))


def _make_session_light(nice: int) -> None:
    for _ in range(TRIES):
        try:
            AUTOGROUP.write_text(str(nice))
        except BlockingIOError:
            time.sleep(AGAIN_S)
        except OSError:  # no Linux, or one without it
            return
        else:
            return
