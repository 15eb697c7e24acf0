"""Builds as routes know them: asked for, looked at, cancelled; and who carries them out."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.recipe.passes import GRAPH_PASSES, MODEL_PASSES
from models.runtime.card import Card
from models.runtime.errors import BonsaiError
from models.runtime.store import DATASET_FILE, read_build, stored
from service.builds.able import GRAPH, cannot_train, has_torch
from service.builds.asked import TEACHER, Asked, MadeOf, cards, passes_of, read, recipe_with, shortened
from service.builds.attempt import Served, everywhere
from service.builds.errors import BuildError, Conflict, NotAccepted, Unable
from service.builds.goals import limit_ms, measured_here
from service.builds.jobs import Job, Jobs
from service.builds.room import check_room
from service.builds.runner import Runner
from service.builds.settings import Limits, limits
from service.builds.unload import unload

WITH_BUILD = "make env in the project's folder, and serve from there"


class Builds:
    """Those of one folder of variants, as one worker knows them; until `keep` there are none."""

    def __init__(self) -> None:
        self._out: Path | None = None
        self._only: Sequence[str] = ()
        self._limits = Limits()
        self._runner: Runner | None = None

    def keep(self, out: Path, *, leads: bool, served: Served = everywhere, only: Sequence[str] = ()) -> None:
        """Take jobs from now on; `leads` says that this worker also carries them out, `served` whether all workers
        serve a variant of a generation, and `only` which variants they serve, where that is not all.
        """
        self._out, self._only, self._limits = out, only, limits()
        if leads:
            self._runner = Runner(out, Jobs(out), self._limits, served)
            self._runner.start()

    @property
    def out(self) -> Path:
        """The build's folder (Unable)."""
        if self._out is None:
            raise Unable(
                "this service builds nothing; start it anew with BONSAI_ADMIN_KEY, or a key of the role admin in "
                "BONSAI_KEYS"
            )
        return self._out

    @property
    def jobs(self) -> Jobs:
        """All jobs (Unable)."""
        return Jobs(self.out)

    def ask(self, given: Any) -> Job:
        """Queue a build (BuildError)."""
        try:
            asked = check_asked(self.out, given, self._limits, self._only)
        except BuildError:
            raise
        except BonsaiError as problem:
            raise Conflict(str(problem)) from problem
        return self.jobs.create(asked.name, asked.model_dump(mode="json", by_alias=True, exclude_none=True))

    def unload(self, name: str) -> int:
        """Take a variant out of the build; return the new generation (BuildError)."""
        if name in self._only:
            raise Conflict(
                f"'{name}' is named by BONSAI_ONLY, so that the next start asks for it; expected another variant"
            )
        return unload(self.out, name).generation

    def close(self) -> None:
        """End what runs; it goes on when the service starts again."""
        if self._runner is not None:
            self._runner.close()


def check_asked(out: Path, given: Any, limits: Limits, only: Sequence[str] = ()) -> Asked:
    """Return what is asked for if it can be built now, and will be served where `only` names what is (BonsaiError)."""
    asked = read(given)
    build = read_build(out)
    known = cards(build)
    passes = passes_of(asked, known) if asked.goal is None else [{"quantize": {}}]
    recipe_with(build, known, asked.name, passes, stored(build.variants[TEACHER].tag))
    if asked.goal is not None:
        limit_ms(asked.goal, measured_here(out, known))
    if only and asked.name not in only:
        raise Conflict(
            shortened(
                f"'{asked.name}' would be built and not served: expected a service without BONSAI_ONLY, which names "
                f"{', '.join(only)}"
            )
        )
    _check_able(out, passes, known)
    check_room(out, known[TEACHER], limits)
    return asked


def _check_able(out: Path, passes: MadeOf, known: Mapping[str, Card]) -> None:
    """Refuse what cannot be made here (Unable), or of this teacher nowhere (NotAccepted)."""
    if find_spec("models.build") is None or not ((out / DATASET_FILE).exists() or has_torch()):
        raise Unable(f"this service carries no models.build, or not the data of its build; run {WITH_BUILD}")
    if reason := cannot_train(passes, known):
        graph_passes = " or ".join(GRAPH_PASSES)
        if reason == GRAPH:
            raise NotAccepted(f"{reason}; expected {graph_passes} alone, or a teacher with model.safetensors")
        raise Unable(
            f"{' and '.join(MODEL_PASSES)} need torch, which is not installed here; run {WITH_BUILD}, or ask for "
            f"{graph_passes} alone"
        )
