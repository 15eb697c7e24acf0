"""The image, built and run: as any user, with a read-only root, under a quota, and ended."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.service.image.conftest import CALLED, IS_PODMAN, KEY, READ_ONLY, SETTING, Container, engine
from tests.service.image.test_start import catches_sigterm

pytestmark = [pytest.mark.image, pytest.mark.timeout(1500)]
TEXTS = {"texts": ["where is my parcel", "my card was charged twice"]}
ADMIN = {"Authorization": f"Bearer {KEY}"}
NOT_INSIDE = ("torch", "transformers", "pip", "setuptools", "uv", "hf_xet", "cyclonedx")
PROGRAMS = {"python", "python3", "python3.11", "bentoml"}
WITHIN_S = 60
DRAIN_S = 5  # BONSAI_DRAIN_S unless it is set


@pytest.fixture(scope="module")
def files(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image's file system."""
    if IS_PODMAN:
        yield Path(engine("image", "mount", image))
        engine("image", "unmount", image, check=False)
        return
    container = engine("create", image)
    folder = tmp_path_factory.mktemp("files")
    try:
        engine("export", f"--output={folder}.tar", container)
    finally:
        engine("rm", container)
    with tarfile.open(f"{folder}.tar") as archive:
        archive.extractall(folder, filter="tar")
    yield folder


@contextlib.contextmanager
def soon(what: str) -> Iterator[Callable[[bool], bool]]:
    """Try again until it is so."""
    until = time.monotonic() + WITHIN_S

    def so(found: bool) -> bool:
        assert found or time.monotonic() < until, what
        time.sleep(0 if found else 0.1)
        return found

    yield so


def variants(container: Container) -> list[str]:
    return [card["name"] for card in json.loads(container.ask("/variants")[1])["variants"]]


def test_every_route_answers(served: Container) -> None:
    names = variants(served)
    assert len(names) == 7
    for name in names:
        status, body = served.ask(f"/{name}/predict", TEXTS)
        assert (status, len(json.loads(body)["predictions"])) == (200, 2), body
        tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS["texts"]}
        status, body = served.ask(f"/v2/models/{name}/infer", {"inputs": [tensor]})
        assert status == 200 and {output["name"] for output in json.loads(body)["outputs"]} >= {"label", "score"}
        assert served.ask(f"/v1/models/{name}:predict", {"instances": TEXTS["texts"]})[0] == 200
        assert served.ask(f"/v2/models/{name}")[0] == served.ask(f"/v2/models/{name}/ready")[0] == 200
    for path in ("/livez", "/readyz", "/metrics", "/", "/docs", "/docs.json", "/v2", "/v2/health/ready"):
        assert served.ask(path)[0] == 200, path
    assert served.ask("/predict", TEXTS)[0] == 200
    assert served.ask("/nobody/predict", TEXTS)[0] == 404
    assert b'variant="int8"' in served.ask("/metrics")[1]


def test_an_experiment_is_kept_in_the_volume(served: Container) -> None:
    arms = [{"variant": name, "weight": 0.5} for name in ("teacher", "int8")]
    asked = {"name": "inside", "control": "teacher", "arms": arms, "unit": {"field": "unit"}}
    status, body = served.ask("/experiments", asked, ADMIN)
    assert status in (200, 201), body
    with soon("the experiment answers") as so:
        while not so("arm" in (answer := json.loads(served.ask("/predict", {**TEXTS, "unit": "anna"})[1]))):
            pass
    told = [{"prediction_id": row["prediction_id"], "label": row["label"]} for row in answer["predictions"]]
    status, body = served.ask("/feedback", {"feedback": told})
    assert status == 200 and json.loads(body)["accepted"] == 2, body


def test_it_is_nobody_and_writes_to_its_volume_alone(served: Container) -> None:
    first = served.first()
    status = Path(f"/proc/{first.pid}/status").read_text()
    assert first.uids().real == 12345 and "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    code = (
        "import os, tempfile\n"
        "for folder in ('/', '/app', '/home/bentoml/bento', '/etc', '/usr/lib', '/tmp'):\n"
        "    try:\n        open(folder + '/x', 'w')\n        print(folder)\n    except OSError:\n        pass\n"
        "print(tempfile.gettempdir())"
    )
    assert engine("exec", served.id, "python", "-c", code) == "/data"
    engine("exec", served.id, "python", "-S", "-E", "/app/healthy.py")


@pytest.mark.parametrize("cpus", ["0.5", "1", "2"])
def test_workers_follow_the_quota(started: Callable[..., Container], cpus: str) -> None:
    if float(cpus) > (psutil.cpu_count() or 1):
        pytest.skip(f"this machine has fewer than {cpus} cores")
    container = started(f"--cpus={cpus}", "--tmpfs=/data:rw,size=600m")
    workers = container.workers()
    assert len(workers) == max(1, int(float(cpus)))
    assert json.loads(container.ask("/variants")[1])["all_workers"] == len(workers)
    assert container.ask("/int8/predict", TEXTS)[0] == 200


def test_a_killed_worker_returns_and_leaves_no_zombie(started: Callable[..., Container]) -> None:
    container = started("--cpus=1", "--tmpfs=/data:rw,size=600m")
    (worker,) = container.workers()
    worker.kill()
    with soon("another worker answers") as so:
        while not so(is_answering(container) and worker not in container.workers()):
            pass
    assert all(child.status() != psutil.STATUS_ZOMBIE for child in container.first().children(recursive=True))


def is_answering(container: Container) -> bool:
    try:
        return container.ask("/int8/predict", TEXTS)[0] == 200
    except OSError:
        return False


class Asked(NamedTuple):
    """A request: when it set out, whether an answer to it had begun, and what kept it from its end."""

    at: float
    begun: bool
    problem: str | None


def ask_until_refused(port: int) -> list[Asked]:
    """Ask on a new connection each time, until nothing listens any more; every answer has to be right."""
    asked = list[Asked]()
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        at, answer = time.monotonic(), None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            connection.request("POST", "/int8/predict", json.dumps(TEXTS), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            asked.append(Asked(at, answer is not None, repr(error)))
            if isinstance(error, ConnectionRefusedError):
                return asked
            continue
        finally:
            connection.close()
        assert answer.status == 200 and len(json.loads(body)["predictions"]) == 2, (answer.status, body)
        asked.append(Asked(at, True, None))
    raise AssertionError(f"somebody still listens after {WITHIN_S} s")


def test_sigterm_under_load_ends_it_after_the_drain_and_well(started: Callable[..., Container]) -> None:
    """Nothing is lost that set out within the drain, and no answer that had begun; what comes in the moment in which
    the last worker stops listening cannot be helped (docs/serving.md).
    """
    container = started()
    with ThreadPoolExecutor(4) as callers:
        asking = [callers.submit(ask_until_refused, container.port) for _ in range(4)]
        time.sleep(2)
        began = time.monotonic()
        engine("kill", "--signal=TERM", container.id)
        code = engine("wait", container.id)
        took = time.monotonic() - began
    asked = [each for caller in asking for each in caller.result()]  # what failed in a thread fails here
    lost = [each for each in asked if each.problem is not None and (each.begun or each.at < began + DRAIN_S)]
    draining = [each for each in asked if each.problem is None and began + 1 < each.at]
    print(f"SIGTERM under load: exit code {code} after {took:.1f} s; {len(draining)} of {len(asked)} in the drain")
    assert code == "0" and took >= DRAIN_S
    assert lost == [] and draining


def test_a_volume_of_somebody_else_is_a_sentence(image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    command = [
        *(*CALLED, "run", "--rm", "--network=host", *READ_ONLY),
        *("--user=12345:0", "--cap-drop=all", "--no-healthcheck", "--ulimit=nofile=1024:1024"),
        *("--ulimit=nproc=2000:2000", f"--volume={tmp_path}:/data", image),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("error: '/data' (BENTOML_HOME) cannot be written by user 12345")


def test_it_can_be_stopped_while_it_starts(image: str) -> None:
    code, until = "0", time.monotonic() + WITHIN_S
    while code == "0" and time.monotonic() < until:  # it served already, for this process was held up
        container = Container(image)
        try:
            first = container.first()
            while not catches_sigterm(first.pid):
                assert time.monotonic() < until
                time.sleep(0.01)
            first.terminate()
            code = engine("wait", container.id)
        finally:
            container.remove()
    assert code == str(128 + signal.SIGTERM)


def test_a_variant_is_built_on_the_fly_beside_an_image_that_cannot_be_written(
    started: Callable[..., Container],
) -> None:
    volume = engine("volume", "create")
    try:
        for turn in range(2):
            container = started(f"--volume={volume}:/data{':U' * IS_PODMAN}", BONSAI_ADMIN_KEY=KEY)
            if not turn:
                asked = {"name": "small", "passes": [{"quantize": {"embeddings": False}}]}
                status, body = container.ask("/variants", asked, ADMIN)
                assert status == 202, body
                job, until = json.loads(body), time.monotonic() + 300  # it gives way to everything else
                while job["state"] != "serving":  # by all workers
                    assert job["state"] in ("queued", "running") and time.monotonic() < until, job
                    time.sleep(0.2)
                    job = json.loads(container.ask(f"/builds/{job['id']}", headers=ADMIN)[1])
            assert "small" in variants(container)
            assert container.ask("/small/predict", TEXTS)[0] == 200
            container.remove()
    finally:
        engine("volume", "rm", "--force", volume, check=False)


def test_what_a_killed_container_left_in_its_volume_goes(image: str) -> None:
    volume = engine("volume", "create")
    try:
        left = set[str]()
        for _ in range(2):
            container = Container(image, f"--volume={volume}:/data")
            try:
                container.wait()
                place = Path(engine("volume", "inspect", "--format={{.Mountpoint}}", volume))
                now = {folder.name for folder in place.glob("bonsai-service-*")}
                assert len(now) == 1 and not now & left
                left = now
                container.first().send_signal(signal.SIGKILL)
                engine("wait", container.id)
            finally:
                container.remove()
    finally:
        engine("volume", "rm", "--force", volume, check=False)


def test_nothing_of_build_time_is_inside(files: Path) -> None:
    (site,) = (files / "app/.venv/lib").glob("python*/site-packages")
    assert [name for name in NOT_INSIDE if list(site.glob(f"{name}-*.dist-info")) or (site / name).exists()] == []
    programs = {
        path.name for folder in ("usr/bin", "bin", "sbin", "app/.venv/bin") for path in (files / folder).glob("*")
    }
    assert programs <= PROGRAMS
    assert not list(files.rglob(".git")) and not list(files.rglob("pip.conf")) and not list(files.rglob("*.whl"))


def test_no_pip_setting_of_this_machine_is_in_a_layer(image: str, pip_settings: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, env=pip_settings, capture_output=True, text=True, check=True)
    words = {word.strip("'\"").encode() for line in said.stdout.splitlines() for word in line.partition("=")[2].split()}
    secret = {word for word in words if b"/" in word and word != b"/etc/ssl/certs/ca-certificates.crt"}
    assert any(SETTING.encode() in word for word in secret)  # of the build, unless BONSAI_IMAGE names an image
    archive = tmp_path / "image.tar"
    engine("save", *(("--format=docker-archive",) if IS_PODMAN else ()), f"--output={archive}", image)
    with tarfile.open(archive) as layers:
        for member in filter(tarfile.TarInfo.isfile, layers):
            content = layers.extractfile(member)
            assert content is not None
            data = content.read()
            assert [word for word in secret if word in data] == [], member.name


def test_what_models_have_in_common_lies_in_it_once(files: Path) -> None:
    store = files / "home/bentoml/bento/models"
    lists = list(store.glob("*/*/model.onnx.parts"))
    assert lists and not any(file.with_name("model.onnx").exists() for file in lists)
    assert any(
        name != str(file.with_name("model.onnx.rest").relative_to(store))
        for file in lists
        for name, _, _ in json.loads(file.read_bytes())
    )


def test_labels_and_the_bill_of_materials_say_what_it_is(image: str, files: Path) -> None:
    labels = json.loads(engine("image", "inspect", "--format={{json .Config.Labels}}", image))
    for name in ("version", "revision", "created", "base.name"):
        assert labels[f"org.opencontainers.image.{name}"]
    bill = json.loads((files / "usr/share/sbom/bonsai.cdx.json").read_text())
    listed = {(part["name"].lower().replace("_", "-"), part.get("version")) for part in bill["components"]}
    (site,) = (files / "app/.venv/lib").glob("python*/site-packages")
    for folder in site.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        assert (name.lower().replace("_", "-"), version) in listed
    (release,) = re.findall('^VERSION_ID="?([^"\n]+)', (files / "usr/lib/os-release").read_text(), re.MULTILINE)
    packages = [part["purl"] for part in bill["components"] if part.get("purl", "").startswith("pkg:deb/")]
    assert packages and all(f"distro=debian-{release}" in each for each in packages)
    models = [part for part in bill["components"] if part["type"] == "machine-learning-model"]
    assert len(models) == len(list(files.glob("home/bentoml/bento/models/*/*/card.json")))
