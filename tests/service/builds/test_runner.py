"""Jobs are carried out whatever becomes of who carries them out: by a process of its own, with real builds."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest import MonkeyPatch

from models.runtime.store import read_build
from service.builds.builds import Builds
from service.builds.jobs import OVER, RUNNING, Job, Jobs, Work
from service.builds.process import CRASHED, run
from service.builds.runner import MOST_STARTS, Runner
from service.builds.settings import Limits

ROOT = Path(__file__).parents[3]
CODE = (
    "import pathlib, sys, time; from service.builds.builds import Builds; Builds().keep(pathlib.Path(sys.argv[1]), "
    "leads=True); time.sleep(600)"
)
INT8: dict[str, Any] = {"passes": [{"quantize": {"embeddings": False}}]}
LONG: dict[str, Any] = {"passes": [{"distill": {"layers": 2, "epochs": 100, "patience": 100}}]}
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(copied: Path) -> Iterator[Start]:
    """Start processes that carry out the jobs of the copied build."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", CODE, str(copied)]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def ask(out: Path, name: str, asked: dict[str, Any]) -> Job:
    builds = Builds()
    builds.keep(out, leads=False)
    return builds.ask({"name": name, **asked})


def ended(out: Path, id: str) -> Job:
    while (job := Jobs(out).find(id)).state not in OVER:
        time.sleep(0.1)
    return job


def build_of(process: "subprocess.Popen[bytes]") -> psutil.Process:
    while not (children := psutil.Process(process.pid).children()):
        time.sleep(0.02)
    return children[0]


def test_a_job_whose_service_was_killed_is_gone_on_with_by_the_next(copied: Path, start: Start) -> None:
    job, before = ask(copied, "small", INT8), read_build(copied)
    first = start()
    build = build_of(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    build.wait(20)  # it ends with the one that started it
    assert Jobs(copied).find(job.id).state == RUNNING
    assert read_build(copied) == before
    start()
    after = ended(copied, job.id)
    assert (after.state, after.attempts) == ("serving", 2), after
    assert "small" in read_build(copied).variants


def test_a_build_gives_way_to_every_worker_and_not_only_to_the_one_that_started_it(copied: Path, start: Start) -> None:
    ask(copied, "long", LONG)
    build = build_of(start()).pid
    group = Path(f"/proc/{build}/autogroup")

    def gives_way() -> bool:
        light = not group.exists() or group.read_text().split()[-1] == "19"
        return light and os.getsid(build) == build and os.sched_getscheduler(build) == os.SCHED_IDLE

    until = time.monotonic() + 60
    while not gives_way() and time.monotonic() < until:  # it is being started
        time.sleep(0.02)
    assert gives_way()


@pytest.mark.parametrize(("setting", "given"), [("BONSAI_BUILD_SECONDS", "1"), ("BONSAI_BUILD_MEMORY_MB", "20")])
def test_what_takes_more_than_it_may_has_failed(copied: Path, start: Start, setting: str, given: str) -> None:
    job = ask(copied, "long", LONG)
    start(**{setting: given})
    after = ended(copied, job.id)
    assert (after.state, setting in after.reason) == ("failed", True), after


def test_a_variant_that_was_changed_by_hand_is_left_alone_and_said(copied: Path, start: Start) -> None:
    with (copied / "pruned" / "model.onnx").open("ab") as file:
        file.write(b"x")
    job, before = ask(copied, "small", INT8), (copied / "build.json").read_bytes()
    start()
    after = ended(copied, job.id)
    assert (after.state, "pruned would not come out as built" in after.reason) == ("failed", True), after
    assert (copied / "build.json").read_bytes() == before


def test_a_variant_that_was_built_when_its_service_ended_is_said_to_be_served(copied: Path, start: Start) -> None:
    job = ask(copied, "small", INT8)
    first = start()
    assert ended(copied, job.id).state == "serving"
    first.kill()
    first.wait()
    Jobs(copied).write(job.model_copy(update={"state": RUNNING, "attempts": MOST_STARTS}))
    start()
    after = ended(copied, job.id)
    assert (after.state, after.generation) == ("serving", read_build(copied).generation), after


def test_a_variant_that_no_worker_serves_has_failed(copied: Path, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr("service.builds.attempt.LOADED_S", 0.2)
    job = ask(copied, "small", INT8)
    runner = Runner(copied, Jobs(copied), Limits(), served=lambda _name, _generation: False)
    runner.start()
    after = ended(copied, job.id)
    runner.close()
    assert (after.state, "DELETE /variants/small" in after.reason) == ("failed", True), after


def test_a_build_that_ends_as_nobody_expected_is_not_called_worse(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    work = Work(tmp_path / "recipe.json", tmp_path / "progress", tmp_path / "log")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho RuntimeError: can not allocate memory\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    done = run(tmp_path, work, [], Limits(), lambda _: True, time.monotonic())
    assert (done.code, done.reason) == (CRASHED, "RuntimeError: can not allocate memory")


def test_a_folder_that_is_removed_and_made_anew_is_taken_anew(copied: Path) -> None:
    """As by `make clean` beside a service that goes on."""
    jobs = Jobs(copied)
    jobs.folder.mkdir(exist_ok=True)
    runner, other = Runner(copied, jobs, Limits()), Runner(copied, jobs, Limits())
    assert runner._is_ours() and not other._is_ours()
    shutil.rmtree(jobs.folder)
    assert not runner._is_ours()
    jobs.folder.mkdir()
    assert other._is_ours() and not runner._is_ours()
    shutil.rmtree(jobs.folder)
    assert not runner._changed()
    runner.close()
    other.close()
