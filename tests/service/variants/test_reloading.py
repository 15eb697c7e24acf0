"""Loading without a restart: what is new is opened beside what is served, all of it is swapped at once, and what cannot
be served changes nothing.
"""

import contextlib
import gc
import http.client
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from models.build.command import main
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import read_build, stored
from service.variants import reloading
from service.variants.generations import Generations, last_served
from service.variants.proved import PROVED
from service.variants.registry import Loaded, Registry, load
from service.variants.reloading import PACKED, Reloading, present_build
from tests.conftest import TINY_RECIPE
from tests.service.conftest import PATIENT, ROOT, serving, until
from tests.service.serving.test_operation import workers
from tests.service.serving.test_service import call

BENTOML = Path(sys.executable).with_name("bentoml")
AGAIN_S = 120


class Two:
    """A folder whose build.json alternates between two builds of the same data: in the second one `int8` is another
    version, `halved` is new and `trimmed` is gone.
    """

    def __init__(self, folder: Path, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.folder, self.builds = folder, (first, second)
        self.generation = 0
        self.turn()

    def turn(self) -> int:
        """Let build.json be the other one, and return its generation."""
        self.generation += 1
        write_json(
            self.folder / "build.json", {**self.builds[(self.generation + 1) % 2], "generation": self.generation}
        )
        return self.generation


@pytest.fixture(scope="module")
def second(built: Path, tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of another recipe from what the first one left."""
    folder = tmp_path_factory.mktemp("second")
    shutil.copytree(built, folder / "variants", symlinks=True)
    recipe = json.loads(tiny_recipe.read_text())
    made: dict[str, Any] = dict(TINY_RECIPE["variants"])
    del made["trimmed"]
    recipe["variants"] = {"int8": [{"quantize": {"embeddings": False}}], **made, "halved": made["distilled"]}
    recipe["variants"]["int8"] = [{"quantize": {"embeddings": False}}]
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    assert main(["--recipe", str(folder / "recipe.yaml"), "--out", str(folder / "variants")]) == 0
    return folder / "variants"


@pytest.fixture
def two(built: Path, second: Path, tmp_path: Path) -> Two:
    shutil.copytree(second, tmp_path / "variants", ignore=shutil.ignore_patterns(".steps"))
    first, other = (json.loads((folder / "build.json").read_text()) for folder in (built, second))
    return Two(tmp_path / "variants", first, other)


class Worker:
    """One worker's registry and what keeps it up with the build."""

    def __init__(self, folder: Path, shared: Path | None = None, number: int = 0, workers: int = 1) -> None:
        self.registry = Registry({})
        self.generations = Generations(shared, number, workers)
        self.swaps = 0
        self.reloading = Reloading(
            folder, self.registry, self._swap, shared=shared, generations=self.generations, accept=_teacher_is_there
        )
        self.reloading.load(present_build(folder, shared))

    def _swap(self, folders: Mapping[str, Path], variants: dict[str, Loaded]) -> None:
        assert set(folders) == set(variants)
        self.swaps += 1
        self.registry.swap(variants)

    def served(self) -> dict[str, str]:
        return {each.card.name: each.card.version for each in self.registry.variants}


def _teacher_is_there(names: list[str]) -> None:
    if "teacher" not in names:
        raise BonsaiError("no teacher")


def named(two: Two) -> dict[str, str]:
    return {name: each.tag.partition(":")[2] for name, each in read_build(two.folder).variants.items()}


def test_a_new_build_is_served_and_what_is_unchanged_stays_open(two: Two) -> None:
    worker = Worker(two.folder)
    before = {each.card.name: each for each in worker.registry.variants}
    worker.reloading.turn()
    assert worker.swaps == 1  # it is the same build
    two.turn()
    worker.reloading.turn()
    assert worker.served() == named(two)
    assert worker.generations.generation == two.generation
    now = {each.card.name: each for each in worker.registry.variants}
    assert set(before) - set(now) == {"trimmed"}
    assert set(now) - set(before) == {"halved"}
    assert {name for name in now if name in before and now[name] is not before[name]} == {"int8", "cascade"}
    assert now["cascade"].predictor._large is now["int8"].predictor  # type: ignore[attr-defined]
    assert now["cascade"].predictor._small is now["distilled_int8"].predictor  # type: ignore[attr-defined]
    assert now["int8"].startup_check.texts == 12
    assert now["int8"].startup_check.differing == 0


def test_threads_that_answer_are_let_in_sooner_while_it_loads(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, seen = sys.getswitchinterval(), list[float]()

    def watched(*given: Any, **named: Any) -> dict[str, Loaded]:
        seen.append(sys.getswitchinterval())
        return load(*given, **named)

    worker = Worker(two.folder)
    monkeypatch.setattr(reloading, "load", watched)
    two.turn()
    worker.reloading.turn()
    assert seen == [pytest.approx(usual / 10)]
    assert sys.getswitchinterval() == usual


def test_what_is_gone_goes_without_the_collector_once_nobody_uses_it(two: Two) -> None:
    worker = Worker(two.folder)
    under_way = worker.registry.find("trimmed")
    trimmed = weakref.ref(under_way.predictor)
    int8 = weakref.ref(worker.registry.find("int8").predictor)
    gc.collect()
    gc.freeze()
    try:
        two.turn()
        gc.disable()
        worker.reloading.turn()
        assert int8() is None
        assert under_way.predictor.predict(["where is my parcel"])[0].label == "late"
        del under_way
        assert trimmed() is None
    finally:
        gc.enable()
        gc.unfreeze()


def damage_build(two: Two) -> None:
    (two.folder / "build.json").write_text("{")


def forget_a_model(two: Two) -> None:
    content = json.loads((two.folder / "build.json").read_text())
    content["variants"]["int8"]["tag"] = "bonsai-int8:000000000000"
    write_json(two.folder / "build.json", {**content, "generation": 9})


def take_other_data(two: Two) -> None:
    content = json.loads((two.folder / "build.json").read_text())
    content["dataset"]["sha256"] = "0" * 64
    write_json(two.folder / "build.json", {**content, "generation": 9})


def leave_out_a_part(two: Two) -> None:
    content = json.loads((two.folder / "build.json").read_text())
    del content["variants"]["int8"]
    write_json(two.folder / "build.json", {**content, "generation": 9})


def leave_out_the_default(two: Two) -> None:
    content = json.loads((two.folder / "build.json").read_text())
    del content["variants"]["teacher"]
    write_json(two.folder / "build.json", {**content, "generation": 9})


def take_it_away(two: Two) -> None:
    (two.folder / "build.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damage_build, "is no build of this version"),
        (take_it_away, "build.json cannot be read (No such file or directory)"),
        (forget_a_model, "the BentoML model store does not hold 'bonsai-int8:000000000000'"),
        (take_other_data, "it is of another data set ('tiny', SHA-256 000000000000…); restart the service to serve it"),
        (leave_out_a_part, "its part 'int8' at version"),
        (leave_out_the_default, "no teacher"),
    ],
)
def test_what_cannot_be_served_is_said_once_and_changes_nothing(
    two: Two, spoil: Callable[[Two], None], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(two.folder)
    before = worker.registry.variants
    spoil(two)
    with caplog.at_level(logging.WARNING, "bentoml.bonsai"):
        for _ in range(3):
            worker.reloading.turn()
    (line,) = caplog.messages
    assert line.startswith("a new build is not served, generation 1 still is: ")
    assert said in line
    assert [id(each) for each in worker.registry.variants] == [id(each) for each in before]
    two.turn()
    worker.reloading.turn()
    assert worker.served() == named(two)


@pytest.fixture
def store_of_its_own(bentoml_home: Path, two: Two) -> Iterator[Path]:
    """The stored folder of the second build's int8, to be spoiled; it is put right again."""
    tag = two.builds[1]["variants"]["int8"]["tag"]
    folder = stored(tag)
    kept = folder.with_name(f"kept-{folder.name}")
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


@pytest.mark.parametrize("shares", [False, True])
def test_a_model_that_is_cut_short_is_never_served(
    two: Two, store_of_its_own: Path, tmp_path: Path, shares: bool, caplog: pytest.LogCaptureFixture
) -> None:
    file = store_of_its_own / "model.onnx"
    file.write_bytes(file.read_bytes()[:1000])
    shared = tmp_path / "shared" if shares else None
    if shared is not None:
        shared.mkdir()
    worker = Worker(two.folder, shared)
    before = worker.served()
    two.turn()
    worker.reloading.turn()
    assert "it was changed or cut short" in caplog.messages[-1]
    assert worker.served() == before


def test_workers_share_what_one_packed_and_old_versions_go_when_nobody_holds_them(two: Two, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    one, other = (Worker(two.folder, shared, number, 2) for number in range(2))
    assert (one.generations.serving(), one.generations.workers) == (2, 2)
    before = set(named(two).values())
    two.turn()
    threads = [threading.Thread(target=worker.reloading.turn) for worker in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    new = {version for name, version in named(two).items() if name in ("int8", "halved")}
    assert {folder.name for folder in (shared / PACKED).iterdir()} == new
    # Neither worker timed or checked a variant: that was done where it was packed, of cascades too.
    assert {file.stem for file in (shared / PROVED).iterdir()} >= set(named(two).values()) - before >= new
    two.turn()
    one.reloading.turn()
    assert (one.generations.serving(), other.generations.serving()) == (1, 1)
    assert new <= {folder.name for folder in (shared / PACKED).iterdir()}  # the other one holds them
    other.reloading.turn()
    assert one.generations.serving() == 2
    assert not new & {folder.name for folder in (shared / PACKED).iterdir()}
    assert not new & {file.stem for file in (shared / PROVED).iterdir()}
    assert one.served() == other.served() == named(two)
    again = Generations(shared, 1, 2)
    assert again.serving() == 1  # it serves nothing yet


def test_a_worker_that_starts_beside_a_damaged_build_serves_the_last_good_one(two: Two, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    Worker(two.folder, shared)
    good = read_build(two.folder)
    assert last_served(shared) == good
    damage_build(two)
    assert present_build(two.folder, shared) == good
    with pytest.raises(BonsaiError, match="is no build of this version"):
        present_build(two.folder, None)
    two.turn()
    assert present_build(two.folder, shared).generation == two.generation
    take_other_data(two)
    assert present_build(two.folder, shared) == good


class Caller(threading.Thread):
    """Asks some variants over one connection, and counts the statuses."""

    def __init__(self, host: str, names: list[str]) -> None:
        super().__init__(daemon=True)
        self.address, self.names = urlsplit(host).netloc, names
        self.statuses: Counter[object] = Counter()
        self.end = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=600)
        body = json.dumps({"texts": ["where is my parcel"]})
        while not self.end.wait(0.01):
            for name in self.names:
                try:
                    connection.request("POST", f"/{name}/predict", body, {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    answer.read()
                    self.statuses[answer.status] += 1
                except (OSError, http.client.HTTPException) as error:
                    self.statuses[type(error).__name__] += 1
                    connection.close()
        connection.close()


@contextlib.contextmanager
def calling(host: str, names: list[str], callers: int = 2) -> Iterator[list[Caller]]:
    """Call until the block ends; every answer is a 200."""
    threads = [Caller(host, names) for _ in range(callers)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.end.set()
    for thread in threads:
        thread.join(90)
        assert set(thread.statuses) == {200}


def await_generation(host: str, generation: int) -> dict[str, Any]:
    end, found = time.monotonic() + AGAIN_S, dict[str, Any]()
    while True:
        with contextlib.suppress(OSError):  # of a worker that is killed just now
            found = call(f"{host}/variants")[1]
        if found and (found["generation"], found["workers"]) == (generation, found["all_workers"]):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


def held(host: str) -> tuple[float, int]:
    """Return the memory of all workers in MB, and their open files."""
    found = workers(host)
    return sum(each.memory_full_info().uss for each in found) / 1e6, sum(each.num_fds() for each in found)


def test_builds_alternate_under_load_and_no_request_fails(two: Two, tmp_path: Path) -> None:
    environment = {"BONSAI_VARIANTS": str(two.folder), "BONSAI_WORKERS": "2", **PATIENT}
    log = tmp_path / "log.txt"
    with serving("service.service:bonsai", ROOT, environment, BENTOML, log) as host:
        await_generation(host, two.generation)
        assert call(f"{host}/halved/predict", b'{"texts": ["a"]}')[0] == 404
        with calling(host, ["teacher", "int8", "cascade"]):
            for _ in range(2):
                await_generation(host, two.turn())
            before, files = held(host)
            for _ in range(5):
                await_generation(host, two.turn())
            found, end = await_generation(host, two.generation), time.monotonic() + 60
            while (now := held(host))[0] - before >= 40 or now[1] - files >= 12:  # what was served goes a little later
                assert time.monotonic() < end, now
                time.sleep(0.1)
        assert {card["name"]: card["version"] for card in found["variants"]} == named(two)
        assert call(f"{host}/halved/predict", b'{"texts": ["a"]}')[0] == 200
        assert call(f"{host}/v2/models/halved")[0] == 200
        assert call(f"{host}/trimmed/predict", b'{"texts": ["a"]}')[0] == 404
        assert "/halved/predict" in call(f"{host}/docs.json")[1]["paths"]
        killed = workers(host)[0]
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait(20)
        assert await_generation(host, two.generation)["workers"] == 2  # a new worker serves the new build
        damage_build(two)
        until(lambda: log.read_text().count("a new build is not served") >= 2, AGAIN_S)
        killed = workers(host)[0]
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait(20)
        assert await_generation(host, two.generation)["workers"] == 2
        with calling(host, ["teacher", "distilled"]):
            await_generation(host, two.turn())
    assert "Traceback" not in log.read_text()
