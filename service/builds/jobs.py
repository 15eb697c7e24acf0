"""Jobs as files beside the build: whoever serves reads them, and one worker writes them on."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from models.runtime.files import write_json
from service.builds.errors import Conflict, Full, NotKept, UnknownBuild

FOLDER = ".jobs"
QUEUED, RUNNING, SERVING, REFUSED, FAILED, CANCELLED = (
    "queued", "running", "serving", "refused", "failed", "cancelled",
)  # fmt: skip
STATES = (QUEUED, RUNNING, SERVING, REFUSED, FAILED, CANCELLED)
OVER = frozenset((SERVING, REFUSED, FAILED, CANCELLED))
UNBEGUN = {"state": CANCELLED, "reason": "it was cancelled before it began"}
MOST_QUEUED = 8
KEPT = 100  # jobs that are over


class Job(BaseModel):
    """One request for a variant, and what has come of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    asked: dict[str, Any]
    state: str = QUEUED
    reason: str = ""
    step: str = ""
    share: float = 0.0  # of the present try
    lines: list[str] = []
    figures: dict[str, Any] = {}
    tried: list[dict[str, Any]] = []  # what a goal's earlier tries came to
    attempts: int = 0  # starts; more than one after the service has died meanwhile
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    generation: int | None = None  # of the build that serves it


class Jobs:
    """The jobs of one build's folder."""

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER

    def create(self, name: str, asked: dict[str, Any]) -> Job:
        """Queue a job (Full, Conflict where one of its name waits already, NotKept)."""
        with self._changing():
            waiting = [job for job in self.all() if job.state not in OVER]
            if any(job.name == name for job in waiting):
                raise Conflict(f"a build of '{name}' waits or runs already; expected another name")
            if sum(job.state == QUEUED for job in waiting) >= MOST_QUEUED:
                raise Full(f"{MOST_QUEUED} builds wait; expected at most so many: try again later")
            number = 1 + max((_number(job.id) for job in self.all()), default=0)
            job = Job(id=f"{number}-{name}", name=name, asked=asked, created_at=time.time())
            self.write(job)
            return job

    def all(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        found = (self._read(file) for file in self.folder.glob("*-*.json"))
        return sorted((job for job in found if job is not None), key=lambda job: _number(job.id))

    def find(self, id: str) -> Job:
        """Return a job (UnknownBuild)."""
        number, _, name = id.partition("-")
        known = number.isascii() and number.isdigit() and name.isidentifier()  # and no path to another file
        job = self._read(self.folder / f"{id}.json") if known and len(id) < 64 else None
        if job is None:
            raise UnknownBuild(f"there is no build '{id[:64]}'; GET /builds lists those that there are")
        return job

    def write(self, job: Job) -> Job:
        """Replace a job's file (NotKept)."""
        try:
            write_json(self.folder / f"{job.id}.json", job.model_dump(mode="json"))
        except OSError as error:
            raise self._not_kept(error) from error
        return job

    def cancel(self, id: str) -> Job:
        """Ask for a job's end (UnknownBuild, Conflict for one that is over, NotKept)."""
        self.find(id)
        with self._changing():
            job = self.find(id)
            if job.state in OVER:
                raise Conflict(f"the build '{id}' is over ({job.state}); expected one that is queued or running")
            if job.state == QUEUED:
                return self.write(job.model_copy(update={**UNBEGUN, "ended_at": time.time()}))
            try:
                self._mark(id).touch()
            except OSError as error:
                raise self._not_kept(error) from error
            return job

    def begin(self, id: str) -> Job | None:
        """Move a queued job to running; None where somebody has cancelled it meanwhile (NotKept, UnknownBuild)."""
        with self._changing():
            job = self.find(id)
            if job.state != QUEUED:
                return None
            update = {"state": RUNNING, "reason": "", "tried": [], "attempts": job.attempts + 1}
            return self.write(job.model_copy(update={**update, "started_at": job.started_at or time.time()}))

    def is_cancelled(self, id: str) -> bool:
        """Tell whether somebody asked for its end."""
        return self._mark(id).exists()

    def forget_old(self) -> None:
        """Remove what nothing will ask for again: the files of the jobs' work, and the oldest that are over."""
        over = [job for job in self.all() if job.state in OVER]
        for job in over:
            for file in (self._mark(job.id), *self.work(job.id)):
                file.unlink(missing_ok=True)
        for job in over[:-KEPT]:
            (self.folder / f"{job.id}.json").unlink(missing_ok=True)

    def work(self, id: str) -> "Work":
        """Return where a job's recipe, progress and output lie while it runs."""
        return Work(*(self.folder / f"{id}.{kind}" for kind in ("recipe", "progress", "log")))

    def _mark(self, id: str) -> Path:
        return self.folder / f"{id}.cancel"

    def _read(self, file: Path) -> Job | None:
        try:
            return Job.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):  # gone, or of another version of the service
            return None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(exist_ok=True)
            file = (self.folder / "lock").open("w")
        except OSError as error:
            raise self._not_kept(error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)  # for as long as a few small files take
            yield

    def _not_kept(self, error: OSError) -> NotKept:
        return NotKept(
            f"builds are kept in '{self.folder}', which cannot be written ({error.strerror}); serve a folder of "
            "variants that can (BONSAI_VARIANTS)"
        )


class Work(NamedTuple):
    """The files of a job that runs."""

    recipe: Path
    progress: Path
    log: Path


def _number(id: str) -> int:
    with contextlib.suppress(ValueError):
        return int(id.partition("-")[0])
    return 0
