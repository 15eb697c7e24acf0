"""A server as a process of its own, from its start until all its processes have ended."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil  # type: ignore[import-untyped]

from loadtest.serving.asking import NoAnswerError, ask
from loadtest.serving.servers import HOST, Server
from loadtest.serving.wrk import last_line

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
CALM_WITHIN_S, LOOK_S, CALM_SHARE = 20.0, 0.5, 0.5  # of a core: less than a worker takes that still loads
GRACE_S = 3.0


class NotStartedError(Exception):
    """Why a server does not answer."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all servers share: the build's folder, the variant, and the Python of the peers' environment."""

    variants: Path
    variant: str
    peers_python: Path

    def environment(self) -> dict[str, str]:
        """Return the environment of whatever is to find variant and code."""
        own = {"BONSAI_VARIANTS": str(self.variants.absolute()), "PEER_VARIANT": self.variant, "PYTHONPATH": str(ROOT)}
        ends = {"BONSAI_DRAIN_S": "0"}  # nobody is left to be told of it
        return {**os.environ, "BENTOML_DO_NOT_TRACK": "True", **ends, **own}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes that are alive."""
        used = 0.0
        for one in _tree(self.process):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                used += times.user + times.system
        return used


@contextmanager
def running(server: Server, setting: Setting, text: str) -> Iterator[Running]:
    """Start a server and give it once it has answered a text and all its workers are loaded (NotStartedError)."""
    port = _free_port()
    programs = (setting.peers_python if server.apart else Path(sys.executable)).parent
    program, *arguments = [word.format(port=port) for word in server.command]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = _start(
            [str(programs / program), *arguments],
            cwd=ROOT,
            env={**setting.environment(), **server.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            started = Running(
                f"http://{HOST}:{port}{server.path.format(variant=setting.variant)}", psutil.Process(process.pid)
            )
            _wait(started, process, log, text)
            yield started
        finally:
            _end(process)


def _start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a process; one that is started while this one is interrupted is ended, for nobody else knows of it."""
    before = psutil.Process().children()
    try:
        return subprocess.Popen(command, **options)
    except BaseException:
        for one in psutil.Process().children():
            if one not in before:
                one.kill()
        raise


def _wait(started: Running, process: "subprocess.Popen[bytes]", log: IO[str], text: str) -> None:
    until = time.monotonic() + WITHIN_S
    while True:
        if process.poll() is not None:
            raise NotStartedError(f"it ended with exit code {process.returncode}: {_said(log)}")
        try:
            ask(started.url, [text])
            break
        except NoAnswerError as problem:
            if time.monotonic() > until:
                raise NotStartedError(f"it did not answer within {WITHIN_S:g} s ({problem}): {_said(log)}") from None
            time.sleep(0.1)
    # The first of several workers answers while the others still load.
    until = time.monotonic() + CALM_WITHIN_S
    before = started.cpu_seconds()
    while time.monotonic() < until:
        time.sleep(LOOK_S)
        now = started.cpu_seconds()
        if now - before < CALM_SHARE * LOOK_S:
            return
        before = now


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End all processes of the server's session, also those whose parent is gone: some outlive it."""
    tree = _tree(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    psutil.wait_procs(tree, timeout=GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in tree:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def _tree(root: "int | psutil.Process") -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(root) if isinstance(root, int) else root
        return [process, *process.children(recursive=True)]
    return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _said(log: IO[str]) -> str:
    log.seek(0)
    return last_line(log.read())
