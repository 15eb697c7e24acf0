"""How the service is run: several workers, a worker that is killed, settings of the operator, two services at once."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from models.runtime.background import MOST
from tests.service.conftest import ROOT, serving, until
from tests.service.serving.test_service import call, predict

BENTOML = Path(sys.executable).with_name("bentoml")
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def two_workers(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service of two workers with a path prefix, CORS and short times of grace."""
    folder = tmp_path_factory.mktemp("two")
    cors = {"enabled": True, "access_control_allow_origins": [ORIGIN], "access_control_allow_methods": ["POST"]}
    (folder / "config.yaml").write_text(json.dumps({"services": {"bonsai": {"http": {"cors": cors}}}}))  # JSON is YAML
    settings = {
        "BONSAI_VARIANTS": str(built),
        "BONSAI_WORKERS": "2",
        "BONSAI_PATH_PREFIX": "/classify",
        "BENTOML_CONFIG": str(folder / "config.yaml"),
    }
    log = folder / "log.txt"
    with serving("service.service:bonsai", ROOT, settings, BENTOML, log, ready="/classify/readyz") as host:
        yield f"{host}/classify"


def workers(host: str) -> list[psutil.Process]:
    """The worker processes of the service at this address."""
    port, found = urlsplit(host).port, []
    for process in psutil.process_iter(["cmdline", "environ"]):
        if "_bentoml_impl.worker.service" in (process.info["cmdline"] or []):
            known = json.loads((process.info["environ"] or {}).get("BENTOML_RUNNER_MAP", "{}"))
            if port in [urlsplit(address).port for address in known.values()]:
                found.append(process)
    return found


@contextmanager
def held_up(*held: psutil.Process) -> Iterator[None]:
    """Let workers come to nothing, as on a machine that has too much to do."""
    try:
        for worker in held:
            worker.send_signal(signal.SIGSTOP)
        until(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in held))
        yield
    finally:
        for worker in held:
            worker.send_signal(signal.SIGCONT)


def one_by_one(host: str) -> Iterator[None]:
    """Let each worker of the service at this address in turn be the one that answers."""
    found = workers(host)
    assert found
    for worker in found:
        with held_up(*(other for other in found if other != worker)):
            yield


def test_routes_have_the_prefix_and_the_operators_cors(two_workers: str) -> None:
    assert predict(two_workers, "int8", texts=["a"])[0] == 200
    assert call(two_workers.removesuffix("/classify") + "/int8/predict", b'{"texts": ["a"]}')[0] == 404
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    status, _, headers = call(f"{two_workers}/int8/predict", method="OPTIONS", headers=asked)
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    other = {**asked, "Origin": "https://else.example"}
    assert call(f"{two_workers}/int8/predict", method="OPTIONS", headers=other)[0] == 400


def test_a_killed_worker_comes_back_and_the_other_answers_meanwhile(two_workers: str) -> None:
    before = {process.pid for process in workers(two_workers)}
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)

    def now() -> set[int]:
        return {process.pid for process in workers(two_workers)} - {min(before)}

    until(lambda: len(now()) == 2)
    assert len(now() - before) == 1
    for _ in range(20):
        assert predict(two_workers, "int8", texts=["a"])[0] == 200


def test_where_memory_runs_out_a_worker_is_ended_before_the_process_that_starts_another(two_workers: str) -> None:
    def read(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    for process in workers(two_workers):
        # One that has just begun is not so far.
        until(lambda: read(process.pid) == min(MOST, read(process.ppid()) + 200))


def test_workers_are_told_to_keep_connections_and_to_end_in_time(two_workers: str) -> None:
    for process in workers(two_workers):
        line = process.cmdline()
        assert line[line.index("--timeout-keep-alive") + 1] == "75"
        assert line[line.index("--timeout-graceful-shutdown") + 1] == "20"


def test_a_second_service_leaves_the_firsts_figures_alone(host: str, built: Path, tmp_path: Path) -> None:
    predict(host, "teacher", texts=["a"])

    def counted() -> float:
        for _ in one_by_one(host):  # a worker that is asked writes its own figures first, and the last has all
            with urllib.request.urlopen(f"{host}/metrics", timeout=600) as response:
                said = response.read().decode()
        return sum(map(float, re.findall(r'bonsai_requests_total{status="200",variant="teacher".*} (\S+)', said)))

    before = counted()
    with serving("service.service:bonsai", ROOT, {"BONSAI_VARIANTS": str(built)}, BENTOML, tmp_path / "log") as second:
        assert predict(second, "teacher", texts=["a"])[0] == 200
        assert counted() == before > 0
    predict(host, "teacher", texts=["a"])
    assert counted() == before + 1


@pytest.mark.parametrize(
    ("name", "given"),
    [("BONSAI_WORKERS", "0"), ("BONSAI_ACCESS_LOG", "2"), ("BONSAI_TIMEOUT_MS", "soon"), ("BONSAI_PATH_PREFIX", "x")],
)
def test_a_setting_that_is_none_is_said_in_one_line(built: Path, name: str, given: str) -> None:
    done = subprocess.run(
        [str(BENTOML), "serve", "service.service:bonsai"],
        cwd=ROOT,
        env={**os.environ, "BONSAI_VARIANTS": str(built), name: given},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = (done.stdout + done.stderr).strip()
    assert done.returncode != 0
    assert said.startswith(f"Error: [bentoml-cli] `serve` failed: {name} is '{given}'; expected") or name in said
    assert len(said.splitlines()) == 1, said


def test_the_largest_answers_do_not_hold_up_health(host: str) -> None:
    """Bulk requests with all their labels run while /livez is asked."""
    body = json.dumps({"texts": ["where is my parcel " * 3] * 4096, "top_k": 4}).encode()
    asking = subprocess.Popen([sys.executable, "-c", ASK_AGAIN, f"{host}/int8/predict"], stdin=subprocess.PIPE)
    assert asking.stdin is not None
    asking.stdin.write(body)
    asking.stdin.close()
    statuses = [call(f"{host}/livez")[0] for _ in range(200)]
    assert asking.wait(240) == 0
    assert set(statuses) == {200}


ASK_AGAIN = """
import sys, urllib.request
body = sys.stdin.buffer.read()
for _ in range(3):
    request = urllib.request.Request(sys.argv[1], data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        assert response.status == 200 and len(response.read()) > 100_000
"""
