"""The thread of one worker that carries the jobs out, one after another, whether or not anybody watches."""

import fcntl
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from models.runtime.errors import BonsaiError
from service.builds.attempt import POLL_S, Attempt, Served, everywhere
from service.builds.errors import NotKept
from service.builds.jobs import FAILED, QUEUED, RUNNING, Job, Jobs
from service.builds.settings import Limits

FULL_S = 30.0  # until a folder that could not be written is tried again
MOST_STARTS = 3  # of a job whose service dies

logger = logging.getLogger("bentoml.bonsai")


class Runner:
    """Carries out the jobs of one folder; of several services over it, one at a time."""

    def __init__(self, out: Path, jobs: Jobs, limits: Limits, served: Served = everywhere) -> None:
        self._out, self._jobs, self._limits, self._served = out, jobs, limits, served
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="builds", daemon=True)
        self._turn: TextIO | None = None
        self._seen = -1

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the build that runs; its job is queued again, for the next service to go on with."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(15)
        if self._turn is not None and not self._thread.is_alive():
            self._turn.close()  # the next one's

    def _run(self) -> None:
        while not self._closing.wait(POLL_S):
            try:
                if self._is_ours() and self._changed():
                    self._next()
            except NotKept as problem:  # the disk is full, say
                logger.warning("builds wait: %s", problem)
                self._closing.wait(FULL_S)
                with suppress(NotKept):
                    self._take_over()
            except Exception:  # the thread lives as long as the worker
                logger.exception("a build could not be carried out")

    def _is_ours(self) -> bool:
        """Become the one that carries out this folder's jobs, if nobody is."""
        if self._turn is not None and not self._holds(self._turn):  # the folder was removed, and perhaps made anew
            self._turn.close()
            self._turn, self._seen = None, -1
        if self._turn is not None or not self._jobs.folder.is_dir():
            return self._turn is not None
        with suppress(OSError):  # another service's turn, or nothing can be written here
            file = (self._jobs.folder / "turn").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise
            self._turn = file
            self._take_over()
            return True
        return False

    def _holds(self, turn: TextIO) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(turn.fileno()), (self._jobs.folder / "turn").stat())
        return False

    def _take_over(self) -> None:
        """Queue what a service that died was at work on."""
        for job in self._jobs.all():
            if job.state == RUNNING and self._is_built(job):
                continue
            if job.state == RUNNING and job.attempts >= MOST_STARTS:
                self._end(job, FAILED, f"the service ended {job.attempts} times while it was built; ask again")
            elif job.state == RUNNING:
                self._jobs.write(job.model_copy(update={"state": QUEUED, "reason": "the service was started again"}))

    def _is_built(self, job: Job) -> bool:
        """Write down how a job ended whose service did between building and saying so; false where it is not built."""
        try:
            return self._attempt(job).serving()
        except BonsaiError:
            return False

    def _attempt(self, job: Job) -> Attempt:
        return Attempt(self._out, self._jobs, self._limits, self._closing, job, self._served)

    def _changed(self) -> bool:
        """Tell whether anything has changed in the folder."""
        try:
            now = self._jobs.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        changed, self._seen = now != self._seen, now
        return changed

    def _next(self) -> None:
        for job in self._jobs.all():
            if job.state != QUEUED:
                continue
            self._seen = -1
            if not self._closing.is_set() and (begun := self._jobs.begin(job.id)) is not None:
                self._carry_out(begun)
                self._jobs.forget_old()

    def _carry_out(self, job: Job) -> None:
        try:
            self._attempt(job).go()
        except BonsaiError as problem:
            self._end(self._jobs.find(job.id), FAILED, str(problem))
        except OSError as problem:
            self._end(self._jobs.find(job.id), FAILED, f"the build's files cannot be read or written ({problem})")
        except (KeyError, TypeError, ValueError) as problem:  # a folder of the store that somebody has changed by hand
            logger.exception("build %s", job.id)
            self._end(self._jobs.find(job.id), FAILED, f"what is served is damaged ({problem!r}); build it again")

    def _end(self, job: Job, state: str, reason: str) -> None:
        self._jobs.write(job.model_copy(update={"state": state, "reason": reason, "ended_at": time.time()}))
