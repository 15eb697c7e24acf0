"""An image of the tiny variants, and containers of it, as strict as a cluster may run them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[3]
BASE = "localhost/bonsai-python:3.11"
ENGINE = os.environ.get("BONSAI_ENGINE", "podman")
IS_PODMAN = ENGINE == "podman"
CALLED = (ENGINE, "--runtime=runc") if IS_PODMAN else (ENGINE,)
READ_ONLY = ("--read-only", "--read-only-tmpfs=false") if IS_PODMAN else ("--read-only",)
TOOLS = (ENGINE, "debootstrap", *(("runc",) if IS_PODMAN else ()))
KEY = "0123456789abcdef0123456789abcdef"
START_S = 180
SETTING = "a-setting-of-this-machine.log"


def engine(*arguments: str, check: bool = True, **options: Any) -> str:
    done = subprocess.run([*CALLED, *arguments], capture_output=True, text=True, **options)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout.strip()


class Container:
    """A running container, asked over HTTP."""

    def __init__(self, image: str, *options: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {"BENTOML_PORT": str(self.port), "BENTOML_HOST": "127.0.0.1", **environment}
        self.id = engine(
            *(
                "run",
                "--detach",
                "--network=host",
                *READ_ONLY,
                "--user=12345:0",
                "--cap-drop=all",
            ),
            *("--security-opt=no-new-privileges", "--no-healthcheck"),  # which wants systemd; it is run by hand here
            *("--ulimit=nofile=1024:1024", "--ulimit=nproc=2000:2000"),
            *(f"--env={name}={value}" for name, value in environment.items()),
            *(options or ("--tmpfs=/data:rw,size=600m",)),
            image,
        )

    def ask(self, path: str, content: object = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait(self) -> "Container":
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.is_running(), self.log()
            try:
                if self.ask("/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready: {self.log()}")

    def is_running(self) -> bool:
        return engine("inspect", "--format={{.State.Running}}", self.id) == "true"

    def log(self) -> str:
        done = subprocess.run([ENGINE, "logs", self.id], capture_output=True, text=True)
        return done.stdout + done.stderr

    def first(self) -> psutil.Process:
        """The first process inside, as the machine sees it."""
        return psutil.Process(int(engine("inspect", "--format={{.State.Pid}}", self.id)))

    def workers(self) -> list[psutil.Process]:
        return [child for child in self.first().children() if "_bentoml_impl.worker.service" in child.cmdline()]

    def remove(self) -> None:
        engine("rm", "--force", "--volumes", *(("--time=0",) if IS_PODMAN else ()), self.id, check=False)


@pytest.fixture(scope="session")
def pip_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pip has a setting that changes nothing, and that nothing else knows of."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "pip").mkdir()
    (folder / "pip/pip.conf").write_text(f"[global]\nlog = {folder}/{SETTING}\n")
    folders = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return {**os.environ, "XDG_CONFIG_DIRS": f"{folder}{os.pathsep}{folders}"}


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of the tiny variants, built as `make image` does it; BONSAI_IMAGE names one that is there, and
    BONSAI_ENGINE who builds and runs it: podman, where it is not docker.
    """
    missing = [name for name in TOOLS if not shutil.which(name)]
    if missing:
        pytest.skip(f"no image is built: {', '.join(missing)} cannot be run here")
    if given := os.environ.get("BONSAI_IMAGE"):
        return given
    built: Path = request.getfixturevalue("built")
    project = tmp_path_factory.mktemp("project")
    for part in ("service", "models"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, project / name)
    shutil.copytree(built, project / "variants", ignore=shutil.ignore_patterns(".*"), symlinks=True)
    wheels = ROOT / "build/image/wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    (project / "build/image").mkdir(parents=True)
    (project / "build/image/wheels").symlink_to(wheels)
    settings: dict[str, str] = request.getfixturevalue("pip_settings")
    environment = {**settings, "PYTHONPATH": str(project), "BUILDAH_ISOLATION": "chroot"}
    if subprocess.run([ENGINE, "image", "inspect", BASE], capture_output=True).returncode:
        command = [sys.executable, "-m", "service.image.debian", f"--engine={ENGINE}"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=900)
    tag = "localhost/bonsai-test:tiny"
    command = [
        sys.executable,
        "-m",
        "service.image.build",
        f"--engine={ENGINE}",
        f"--tag={tag}",
        f"--base-image={BASE}",
    ]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=1200)
    log = project / "build/image/build.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-4000:] if log.exists() else "")
    print(done.stdout)
    return tag


@pytest.fixture
def started(image: str) -> Iterator[Callable[..., Container]]:
    """Starts containers that end with the test."""
    containers = []

    def start(*options: str, **environment: str) -> Container:
        containers.append(Container(image, *options, **environment))
        return containers[-1].wait()

    yield start
    for container in containers:
        container.remove()


@pytest.fixture(scope="session")
def served(image: str) -> Iterator[Container]:
    """One container for all tests that only ask it."""
    container = Container(image, BONSAI_ADMIN_KEY=KEY)
    yield container.wait()
    container.remove()
