"""A real BentoML server process over the tiny build."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from coverage import Coverage

ROOT = Path(__file__).parents[2]
# A request that is refused or given up only because the machine has too much to do says nothing of the service.
PATIENT = {"BONSAI_MAX_WAIT_MS": "60000", "BONSAI_TIMEOUT_MS": "60000"}


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def serving(
    target: str,
    cwd: Path,
    environment: dict[str, str],
    bentoml: Path,
    log: Path,
    ready: str = "/readyz",
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """Serve until the block ends; the address is that of a free port, with TLS by a certificate and its key."""
    with started(target, cwd, environment, bentoml, log, ready, certificate) as (host, _):
        yield host


@contextmanager
def started(
    target: str,
    cwd: Path,
    environment: dict[str, str],
    bentoml: Path,
    log: Path,
    ready: str = "/readyz",
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Serve until the block ends, or the process does."""

    def begin() -> tuple[str, "subprocess.Popen[bytes]"]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(bentoml), "serve", target, "--host", "127.0.0.1", "--port", str(port)]
        if certificate is not None:
            command += ["--ssl-certfile", str(certificate[0]), "--ssl-keyfile", str(certificate[1])]
        measured = {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")} if Coverage.current() else {}
        variables = {**os.environ, **measured, **environment}
        with log.open("w") as out:
            server = subprocess.Popen(
                command, cwd=cwd, env=variables, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        return f"{'http' if certificate is None else 'https'}://127.0.0.1:{port}", server

    authority = None if certificate is None else certificate[0]
    host, server = begin()
    try:
        try:
            wait_until_ready(f"{host}{ready}", server, log, authority)
        except AssertionError:
            if "cannot listen on" not in log.read_text():  # somebody else took the port since it was free
                raise
            host, server = begin()
            wait_until_ready(f"{host}{ready}", server, log, authority)
        yield host, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_ready(address: str, server: "subprocess.Popen[bytes]", log: Path, authority: Path | None = None) -> None:
    end = time.monotonic() + 240
    trust = None if authority is None else ssl.create_default_context(cafile=str(authority))
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=2, context=trust):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"not ready: {log.read_text()}")


@pytest.fixture(scope="session")
def last_load_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the load test writes of a published run for others to show."""
    from loadtest.figures.comparison import Comparison
    from loadtest.numbers.run_folder import read_result
    from loadtest.show.compact import compact

    file = tmp_path_factory.mktemp("run") / "comparison.json"
    result = read_result(ROOT / "loadtest" / "results" / "published" / "demo")
    file.write_text(json.dumps(compact(Comparison(result))), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def host(built: Path, last_load_test: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a development service over the tiny build."""
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    settings = {"BONSAI_VARIANTS": str(built), "BONSAI_LOAD_TEST": str(last_load_test), **PATIENT}
    with serving("service.service:bonsai", ROOT, settings, Path(sys.executable).with_name("bentoml"), log) as address:
        yield address
