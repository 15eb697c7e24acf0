"""One job at work: what it goes on to, and what it waits for; by real builds, in this process's own thread."""

import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytest import MonkeyPatch, approx

from models.runtime.store import BUSY, Build, locked, read_build, write_build
from service.builds import attempt
from service.builds.attempt import Attempt, everywhere
from service.builds.jobs import OVER, Job, Jobs
from service.builds.process import REPAIRABLE, Ended, Progress
from service.builds.runner import Runner
from service.builds.settings import Limits
from tests.service.builds.conftest import change

INT8: dict[str, Any] = {"passes": [{"quantize": {"embeddings": False}}]}


def begun(out: Path, name: str, asked: dict[str, Any]) -> Job:
    jobs = Jobs(out)
    job = jobs.begin(jobs.create(name, {"name": name, **asked}).id)
    assert job is not None
    return job


def carry_out(out: Path, job: Job, limits: Limits | None = None) -> Job:
    Attempt(out, Jobs(out), limits or Limits(), threading.Event(), job, everywhere).go()
    return Jobs(out).find(job.id)


def without(out: Path, name: str) -> Build:
    """Write the build without a variant, as whoever holds its lock may."""
    build = read_build(out)
    content = build.model_dump(exclude={"build_id", "generation", "variants", "recipe"})
    variants = {key: one for key, one in build.variants.items() if key != name}
    recipe = {**build.recipe, "variants": {key: one for key, one in build.recipe["variants"].items() if key != name}}
    return write_build(out, build.generation + 1, **content, recipe=recipe, variants=variants)


def test_passes_that_cannot_be_made_are_passed_over_for_those_that_can(copied: Path) -> None:
    recipe = read_build(copied).recipe  # whose data are gone: what is to be trained ends with exit code 2
    change(copied / "build.json", recipe={**recipe, "dataset": {**recipe["dataset"], "source": "/nowhere.csv"}})
    job = carry_out(copied, begun(copied, "fast", {"goal": {"under_ms": 1000.0}}))
    assert job.state == "serving", job
    assert {one["outcome"] for one in job.tried} == {"failed"}
    assert "fast" in read_build(copied).variants


def test_a_goal_of_which_nothing_can_be_made_has_failed(copied: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "run", lambda *_: Ended(REPAIRABLE, "the data are gone", Progress()))
    job = carry_out(copied, begun(copied, "fast", {"goal": {"under_ms": 1000.0}}))
    assert (job.state, job.reason.endswith("the last that was tried is quantize: the data are gone")) == (
        "failed",
        True,
    )


def test_what_others_leave_is_what_is_built_on(copied: Path) -> None:
    job, ended = begun(copied, "small", INT8), list[Job]()
    with locked(copied):
        thread = threading.Thread(target=lambda: ended.append(carry_out(copied, job)))
        thread.start()
        while Jobs(copied).find(job.id).step != "wait for another build":
            time.sleep(0.05)
        assert not Jobs(copied).work(job.id).recipe.exists()
        left = without(copied, "pruned")
    thread.join()
    assert ended[0].state == "serving", ended
    made = read_build(copied)
    assert list(made.variants) == [*left.variants, "small"]
    assert "pruned" not in made.recipe["variants"]


def test_the_time_of_others_is_not_the_builds(copied: Path, monkeypatch: MonkeyPatch) -> None:
    job, seen, now, others = begun(copied, "small", INT8), list[float](), [1000.0], ExitStack()

    def wait(seconds: float) -> None:
        assert Jobs(copied).find(job.id).step == "wait for another build"
        now[0] += 5
        others.close()

    def run(*given: Any) -> Ended:
        seen.append(now[0] - given[-1])
        now[0] += 0.2
        if len(seen) == 1:
            others.enter_context(locked(copied))
            return Ended(REPAIRABLE, f"{BUSY} '{copied}'", Progress())
        return Ended(REPAIRABLE, "no", Progress())

    monkeypatch.setattr(attempt, "run", run)
    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=wait, time=time.time))
    others.enter_context(locked(copied))
    assert carry_out(copied, job).reason == "no"
    assert now == [approx(1010.4)]  # others were waited for twice
    assert seen == approx([0, 0.2])  # who was overtaken has built for so long already


def test_what_was_overtaken_is_made_on_the_build_that_is_there_now(copied: Path, monkeypatch: MonkeyPatch) -> None:
    real, recipes = attempt.run, list[dict[str, Any]]()

    def run(out: Path, work: Any, *given: Any) -> Ended:
        recipes.append(json.loads(work.recipe.read_text())["variants"])
        if len(recipes) == 1:
            without(copied, "pruned")
            return Ended(REPAIRABLE, "'small' cannot be added", Progress())
        return real(out, work, *given)

    monkeypatch.setattr(attempt, "run", run)
    assert carry_out(copied, begun(copied, "small", INT8)).state == "serving"
    assert ["pruned" in recipe for recipe in recipes] == [True, False]


def test_a_disk_without_room_fails_the_job_in_one_sentence(copied: Path) -> None:
    job = Jobs(copied).create("small", {"name": "small", **INT8})
    runner = Runner(copied, Jobs(copied), Limits(disk_mb=999_999_999))
    runner.start()
    while (after := Jobs(copied).find(job.id)).state not in OVER:
        time.sleep(0.1)
    runner.close()
    assert (after.state, "BONSAI_BUILD_DISK_MB" in after.reason) == ("failed", True), after
    assert not Jobs(copied).work(job.id).recipe.exists()
