"""Builds as routes know them: asked for, looked at, cancelled; and who carries them out."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.recipe.passes import GRAPH_PASSES, MODEL_PASSES
from models.runtime.errors import BonsaiError
from models.runtime.store import DATASET_FILE, read_build
from service.builds.able import is_able, trained_anew
from service.builds.asked import Asked, cards, passes_of
from service.builds.errors import BuildError, Conflict, Unable
from service.builds.jobs import Job, Jobs
from service.builds.runner import Runner, Served, check_asked, everywhere
from service.builds.settings import limits
from service.builds.unload import unload

WITH_BUILD = "make env in the project's folder, and serve from there"


class Builds:
    """Those of one folder of variants, as one worker knows them; until `keep` there are none."""

    def __init__(self) -> None:
        self._out: Path | None = None
        self._runner: Runner | None = None

    def keep(self, out: Path, *, leads: bool, served: Served = everywhere) -> None:
        """Take jobs from now on; `leads` says that this worker also carries them out, and `served` whether all workers
        serve a generation.
        """
        self._out = out
        if leads:
            self._runner = Runner(out, Jobs(out), limits(), served)
            self._runner.start()

    @property
    def out(self) -> Path:
        """The build's folder (Unable)."""
        if self._out is None:
            raise Unable(
                "this service builds nothing; start it with BONSAI_ADMIN_KEY, or a key of the role admin in BONSAI_KEYS"
            )
        return self._out

    @property
    def jobs(self) -> Jobs:
        """All jobs (Unable)."""
        return Jobs(self.out)

    def ask(self, given: Any) -> Job:
        """Queue a build (BuildError)."""
        try:
            asked = check_asked(self.out, given)
        except BuildError:
            raise
        except BonsaiError as problem:
            raise Conflict(str(problem)) from problem
        check_able(self.out, asked)
        return self.jobs.create(asked.name, asked.model_dump(mode="json", by_alias=True, exclude_none=True))

    def unload(self, name: str) -> int:
        """Take a variant out of the build; return the new generation (BuildError)."""
        return unload(self.out, name).generation

    def close(self) -> None:
        """End what runs; it goes on when the service starts again."""
        if self._runner is not None:
            self._runner.close()


def check_able(out: Path, asked: Asked) -> None:
    """Refuse what cannot be made here (Unable)."""
    if find_spec("models.build") is None or not ((out / DATASET_FILE).exists() or is_able(True)):
        raise Unable(f"this service carries no models.build, or not the data of its build; run {WITH_BUILD}")
    build = read_build(out)
    known = cards(build)
    if asked.goal is None and not is_able(trained_anew(passes_of(asked, known), known)):
        raise Unable(
            f"{' and '.join(MODEL_PASSES)} need torch, which is not installed here; run {WITH_BUILD}, or ask for "
            f"{' or '.join(GRAPH_PASSES)} alone"
        )
