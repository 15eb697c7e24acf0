"""A process beside the workers, which one of them keeps alive while an experiment asks for it.

What holds the interpreter's lock in a worker holds up its callers: writing rows took the tail of their times threefold.
"""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

RESTART_S = 5.0
END_S = 10.0  # it has time to write what is left
PARENT = "BONSAI_COMPANION_OF"  # the process that it is beside
PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG

logger = logging.getLogger("bentoml.bonsai")


class Companion:
    """Runs a module as a process while there are arguments to run it with."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._arguments: tuple[str, ...] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: list[tuple[subprocess.Popen[bytes], float]] = []  # and until when
        self._started = float("-inf")

    @property
    def lives(self) -> bool:
        """Tell whether it runs, or has not ended yet."""
        return self._process is not None or bool(self._ending)

    def keep(self, arguments: Sequence[str] | None, now: float) -> None:
        """Let it run with these arguments, started anew where they changed or it ended; None ends it, which is not
        waited for. `now` is a time.monotonic().
        """
        given = None if arguments is None else tuple(arguments)
        self._reap(now)
        if self._process is not None and given != self._arguments:
            self._let_end(now)
        elif self._process is not None and self._process.poll() is not None:
            logger.warning("%s ended with %s; it is started again", self._module, self._process.returncode)
            self._forget(self._process)
            self._process = None
        if given is not None and self._process is None and now - self._started >= RESTART_S:
            self._arguments, self._started = given, now
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, *given],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                env={**os.environ, PARENT: str(os.getpid())},
            )

    def end(self) -> None:
        """End it, and wait until it has."""
        if self._process is not None:
            self._let_end(time.monotonic())
        for process, until in self._ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
        self._reap(float("inf"))

    def _let_end(self, now: float) -> None:
        assert self._process is not None
        self._process.terminate()
        self._ending.append((self._process, now + END_S))
        self._process, self._started = None, float("-inf")

    def _reap(self, now: float) -> None:
        """Forget those that have ended; one that has not in time is killed."""
        for process, until in self._ending:
            if now > until and process.poll() is None:
                process.kill()
                process.wait()
            if process.poll() is not None:
                self._forget(process)
        self._ending = [(process, until) for process, until in self._ending if process.poll() is None]

    def _forget(self, process: "subprocess.Popen[bytes]") -> None:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            mark_process_dead(process.pid)  # type: ignore[no-untyped-call]


class Ended:
    """Whether SIGTERM came. It notes no more: in the signal's own handler whoever closed a writer could wait for a lock
    that the interrupted thread holds, and an event has one too, which a second signal would wait for within the first.
    """

    def __init__(self) -> None:
        self.is_set = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_: object) -> None:
        self.is_set = True


def end_with_parent() -> None:
    """Let the system end this process when the one that started it is gone, even if that was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGTERM)
    if os.environ.get(PARENT, "") not in ("", str(os.getppid())):  # it was gone before anything could be told
        sys.exit(0)
