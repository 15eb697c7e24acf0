"""Which build each worker serves: a small file a worker in the folder that they share, and a copy of the last build
that one of them took, for workers that start while build.json is not to be used.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import Build

FOLDER, SERVED = "generations", "served.json"


class Serving(BaseModel):
    """What one worker serves, and the versions that it holds or is about to open."""

    pid: int
    generation: int
    build_id: str
    versions: list[str]


class Generations:
    """One worker's part in it; without a folder it is the only worker."""

    def __init__(self, shared: Path | None = None, worker: int = 0, workers: int = 1) -> None:
        """`shared` is the folder that the workers of this service share; `worker` counts from 0."""
        self._folder, self._worker, self.workers = shared and shared / FOLDER, worker, workers
        self._own = Serving(pid=os.getpid(), generation=0, build_id="", versions=[])

    @property
    def generation(self) -> int:
        """The generation that this worker serves."""
        return self._own.generation

    def hold(self, versions: Iterable[str]) -> None:
        """Say that this worker is about to open these versions, beside those it holds."""
        self._write(self._own.model_copy(update={"versions": sorted({*self._own.versions, *versions})}))

    def publish(self, build: Build, versions: Iterable[str]) -> None:
        """Say that this worker serves a build, and holds these versions of variants."""
        self._own = Serving(
            pid=os.getpid(), generation=build.generation, build_id=build.build_id, versions=sorted(versions)
        )
        self._write(self._own)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                write_json(self._folder / SERVED, build.model_dump(mode="json"))

    def serving(self) -> int:
        """Return how many workers serve the build that this one does."""
        same = (self._own.generation, self._own.build_id)
        return max(1, sum((each.generation, each.build_id) == same for each in self._alive()))

    def held(self) -> set[str]:
        """Return the versions that any worker holds or is about to open."""
        return {version for each in self._alive() for version in each.versions}

    def _write(self, serving: Serving) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(exist_ok=True)
            draft = self._folder / f".{self._worker}.{os.getpid()}"
            draft.write_text(serving.model_dump_json())
            draft.replace(self._folder / f"{self._worker}.json")
        except OSError as error:
            raise BonsaiError(f"'{self._folder}' cannot be written ({error.strerror}); make room there") from error

    def _alive(self) -> Iterator[Serving]:
        """Yield what the workers say that have not ended; a worker that is started again takes its predecessor's
        place.
        """
        if self._folder is None:
            yield self._own
            return
        for worker in range(self.workers):
            with contextlib.suppress(OSError, ValidationError):
                found = Serving.model_validate_json((self._folder / f"{worker}.json").read_bytes())
                os.kill(found.pid, 0)
                yield found


def last_served(shared: Path | None) -> Build | None:
    """Return the build that a worker of this service took last, if there was one."""
    if shared is None:
        return None
    try:
        return Build.model_validate_json((shared / FOLDER / SERVED).read_bytes())
    except (OSError, ValidationError):
        return None
