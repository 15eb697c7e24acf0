"""`python -m service.builds.limited CORES PARENT COMMAND …`: become a build that gives way to everything else.

What these set, the program keeps that takes this one's place; in a fork of a process with threads it could not be set
safely.
"""

import contextlib
import ctypes
import os
import signal
import sys

from models.runtime.background import LEAST, give_way

PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG
IO_PRIORITY = {"x86_64": 251, "aarch64": 30}  # ioprio_set; Python has no word for it
IDLE_CLASS, WHO_PROCESS = 3 << 13, 1


def limit(cores: int) -> None:
    """Take the idle priority of processor and disk, and so many cores; end with the thread that started this."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
    give_way(LEAST, idle=True)
    with contextlib.suppress(OSError, AttributeError):
        if number := IO_PRIORITY.get(os.uname().machine):
            ctypes.CDLL(None).syscall(number, WHO_PROCESS, 0, IDLE_CLASS)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def main() -> None:
    """Limit this process, and let the command take its place."""
    cores, parent, *command = sys.argv[1:]
    limit(int(cores))
    if os.getppid() != int(parent):  # it went before it could be asked for
        sys.exit(1)
    os.environ["OMP_NUM_THREADS"] = cores
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
