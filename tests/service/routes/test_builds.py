"""A variant on the fly, as its clients see it: a real service of two workers, real builds of the tiny teacher."""

import fcntl
import json
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.build.command import main
from models.runtime.card import is_whole, read_card
from models.runtime.store import in_store, read_build
from tests.service.conftest import ROOT, serving
from tests.service.serving.test_service import JSON, call

KEY = "a-key-of-the-tests-0123"
ADMIN = {**JSON, "Authorization": f"Bearer {KEY}"}
OVER = ("serving", "refused", "failed", "cancelled")
LONG: dict[str, Any] = {"passes": [{"distill": {"layers": 2, "epochs": 100, "patience": 100}}]}
BAD: dict[str, Any] = {"passes": [{"distill": {"layers": 1, "epochs": 1, "learning_rate": 0.9}}]}  # forgets all


class Service:
    """A service over a folder of variants of its own."""

    def __init__(self, host: str, out: Path) -> None:
        self.host, self.out = host, out

    def admin(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any, Any]:
        content = None if body is None else json.dumps(body).encode()
        return call(f"{self.host}{path}", content, method, {**ADMIN, **headers})

    def ask(self, name: str, **asked: Any) -> str:
        status, answer, headers = self.admin("/variants", {"name": name, **asked})
        assert status == 202, answer
        assert answer["state"] == "queued"
        assert headers["location"] == f"builds/{answer['id']}"
        return str(answer["id"])

    def end(self, id: str) -> dict[str, Any]:
        """Follow a build to its end."""
        while True:
            status, job, _ = self.admin(f"/builds/{id}", Prefer="wait=20")
            assert status == 200
            if job["state"] in OVER:
                return dict(job)

    def process(self, name: str) -> psutil.Process:
        """Return the process that builds a variant, once it has begun."""
        while True:
            for process in psutil.process_iter(["cmdline"]):
                command = process.info["cmdline"] or []
                if "--add" in command and name in command and str(self.out) in command and command[2] == "models.build":
                    return process
            time.sleep(0.05)

    def wait_until_unlocked(self) -> None:
        """Wait until no build writes to the folder: a moment after build.json it still does."""
        with (self.out / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def is_whole(self) -> bool:
        """Tell whether all that the build names is there, as its cards say."""
        build = read_build(self.out)
        folders = [self.out / name for name in build.variants]
        return all(in_store(one.tag) for one in build.variants.values()) and all(
            is_whole(folder, read_card(folder)) for folder in folders
        )


@pytest.fixture(scope="module")
def service(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("builds")
    out = Path(shutil.copytree(built, folder / "variants", symlinks=True))
    settings = {
        "BONSAI_VARIANTS": str(out),
        "BONSAI_ADMIN_KEY": KEY,
        "BONSAI_WORKERS": "2",
        "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
    }
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, settings, bentoml, folder / "log.txt") as address:
        yield Service(address, out)


def test_a_variant_on_the_fly_is_the_one_that_a_build_would_make(service: Service, tmp_path: Path) -> None:
    before = read_build(service.out)
    job = service.end(service.ask("small", passes=[{"quantize": {"embeddings": False}}]))
    assert job["state"] == "serving", job
    assert job["share"] == 1.0
    assert job["lines"] and job["step"].startswith("small")
    assert {"accuracy", "agreement", "gate", "measured", "bytes"} <= job["figures"].keys()
    after = read_build(service.out)
    assert list(after.variants) == [*before.variants, "small"]
    assert after.generation == job["generation"] == before.generation + 1
    assert {name: after.variants[name] for name in before.variants} == before.variants
    assert service.is_whole()
    assert read_card(service.out / "small").version == job["figures"]["version"]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(after.recipe))
    service.wait_until_unlocked()
    assert main(["--recipe", str(recipe), "--out", str(service.out)]) == 0
    assert read_build(service.out).variants == after.variants


def test_what_the_gate_calls_worse_is_not_served_unless_it_is_forced(service: Service) -> None:
    before = read_build(service.out)
    job = service.end(service.ask("bad", **BAD))
    assert job["state"] == "refused", job
    assert "worse than the teacher" in job["reason"]
    assert job["figures"]["gate"]["verdict"] == "worse"
    assert read_build(service.out) == before
    forced = service.end(service.ask("bad", **BAD, force=True))
    assert forced["state"] == "serving", forced
    assert "bad" in read_build(service.out).variants


def test_a_goal_that_cannot_be_met_ends_with_the_best_that_was_found(service: Service) -> None:
    job = service.end(service.ask("fastest", goal={"under_ms": 1e-6}))
    assert job["state"] == "refused"
    assert "nothing that passes the gate takes less than 1e-06 ms" in job["reason"]
    assert [one["outcome"] for one in job["tried"]] == ["not tried"] * len(job["tried"])


def test_one_runs_others_wait_and_both_can_be_cancelled(service: Service) -> None:
    running, waiting = service.ask("long", **LONG), service.ask("later", **LONG)
    process = service.process("long")
    assert service.admin("/variants", {"name": "later", **LONG})[0] == 409
    assert {job["id"]: job["state"] for job in service.admin("/builds")[1]["builds"]}[waiting] == "queued"
    assert service.admin(f"/builds/{waiting}", method="DELETE")[0] == 202
    assert service.admin(f"/builds/{running}", method="DELETE")[0] == 202
    assert [service.end(each)["state"] for each in (running, waiting)] == ["cancelled"] * 2
    assert not process.is_running()
    status, answer, _ = service.admin(f"/builds/{running}", method="DELETE")
    assert (status, "is over" in answer["error"]) == (409, True)
    assert service.is_whole()


def test_a_build_that_is_killed_has_failed_and_what_is_served_is_whole(service: Service) -> None:
    before = read_build(service.out)
    id = service.ask("killed", **LONG)
    service.process("killed").send_signal(signal.SIGKILL)
    job = service.end(id)
    assert (job["state"], "SIGKILL" in job["reason"]) == ("failed", True)
    assert read_build(service.out) == before
    assert service.is_whole()


def test_a_build_can_be_watched_as_events(service: Service) -> None:
    id = service.ask("seen", **LONG)
    service.process("seen")
    assert service.admin(f"/builds/{id}", method="DELETE")[0] == 202
    status, body, headers = service.admin(f"/builds/{id}", Accept="text/event-stream")
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    events = [event for event in body.decode().split("\n\n") if event.startswith("event: ")]
    assert events[-1].startswith("event: cancelled\ndata: {")
    assert json.loads(events[-1].partition("data: ")[2])["id"] == id


def test_a_variant_is_unloaded_unless_it_is_needed(service: Service) -> None:
    arms = [{"variant": "teacher", "weight": 0.5}, {"variant": "pruned", "weight": 0.5}]
    status, answer, _ = service.admin("/experiments", {"name": "needed", "control": "teacher", "arms": arms})
    assert status == 201, answer
    time.sleep(0.9)  # until every worker knows of it
    status, answer, _ = service.admin("/variants/pruned", method="DELETE")
    assert (status, "an arm of the experiment 'needed'" in answer["error"]) == (409, True)
    assert service.admin("/experiments/needed/end", {})[0] == 200
    time.sleep(0.9)
    status, answer, _ = service.admin("/variants/pruned", method="DELETE")
    assert (status, answer["unloaded"]) == (200, "pruned")
    assert answer["generation"] == read_build(service.out).generation
    assert "pruned" not in read_build(service.out).variants
    for name, part in (("teacher", "judged beside it"), ("int8", "a part of the cascade")):
        status, answer, _ = service.admin(f"/variants/{name}", method="DELETE")
        assert (status, part in answer["error"]) == (409, True)
    assert service.admin("/variants/nope", method="DELETE")[0] == 404


def test_what_cannot_be_asked_for_is_refused_in_one_sentence(service: Service) -> None:
    asked = {"name": "b", "passes": [{"quantize": {}}]}
    cases = {
        401: call(f"{service.host}/variants", json.dumps(asked).encode()),
        400: service.admin("/variants", {**asked, "name": "../b"}),
        409: service.admin("/variants", {**asked, "name": "int8"}),
        404: service.admin("/builds/1-nope"),
        413: call(f"{service.host}/variants", b" " * (10 * 2**20), headers=ADMIN),
        405: service.admin("/builds", {}),
    }
    for expected, (status, answer, _) in cases.items():
        assert status == expected
        assert list(answer) == ["error"]
        assert "\n" not in answer["error"] and len(answer["error"]) < 300
    assert call(f"{service.host}/variants", b"{", headers=ADMIN)[0] == 400
    assert call(f"{service.host}/variants", b'{"name": "a", "name": "b"}', headers=ADMIN)[0] == 400


def test_the_requests_of_the_page_are_accepted(service: Service) -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    lines = [shlex.split(line) for line in re.findall(r"^curl .*BONSAI_ADMIN_KEY.*$", page, re.MULTILINE)]
    asks = [json.loads(words[-1]) for words in lines if words[-2] == "-d"]
    assert len(asks) == 2
    for number, asked in enumerate(asks):
        id = service.ask(f"page{number}", **{key: value for key, value in asked.items() if key != "name"})
        assert service.admin(f"/builds/{id}", method="DELETE")[0] == 202
        assert service.end(id)["state"] in OVER
    assert any("localhost:3000/builds/1-tiny" in words for words in lines)
