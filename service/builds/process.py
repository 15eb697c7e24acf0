"""One run of models.build as a process of its own: started, watched, ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import psutil

from models.runtime.followed import FILE
from models.runtime.store import STORE, told_stores
from service.builds.jobs import Work
from service.builds.settings import Limits

ROOT = Path(__file__).parents[2]
POLL_S = 0.25
GRACE_S = 5.0  # to end by itself when interrupted
LINES, TAIL = 12, 4096
BUILT, WORSE, REPAIRABLE, TOO_SLOW = 0, 1, 2, 3  # models.build's exit codes
CRASHED = 70  # EX_SOFTWARE of sysexits.h


class Progress(NamedTuple):
    """How far a build is, as it says itself."""

    step: str = ""
    share: float = 0.0
    lines: Sequence[str] = ()
    figures: Mapping[str, Any] = MappingProxyType({})


class Ended(NamedTuple):
    """How a build ended: its exit code, the sentence it ended with, and the last that it said."""

    code: int
    reason: str
    progress: Progress


def run(
    out: Path, work: Work, options: list[str], limits: Limits, watch: Callable[[Progress], bool], since: float
) -> Ended:
    """Run a build of a job's recipe; `watch` is told how far it is and says whether it may go on. `since` is the
    time.monotonic() from which the seconds are counted.
    """
    for file in (work.progress, work.log):
        file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "models.build", "--recipe", str(work.recipe), "--out", str(out), *options]
    before = [sys.executable, "-m", "service.builds.limited", str(limits.cores), str(os.getpid())]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    told = {FILE: str(work.progress), STORE: told_stores()}
    environment = {**os.environ, **told, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    with work.log.open("wb") as log:
        process = subprocess.Popen(
            [*before, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # to be ended with all that it started, and to give way
        )
    reason = ""
    try:
        while process.poll() is None:
            if not watch(read(work)):
                reason = "it was cancelled"
            elif time.monotonic() - since > limits.seconds:
                reason = f"it took more than {limits.seconds} s (BONSAI_BUILD_SECONDS)"
            elif limits.memory_mb and (used := _memory_mb(process.pid)) > limits.memory_mb:
                reason = (
                    f"it used {used:.0f} MiB of memory; expected at most {limits.memory_mb} (BONSAI_BUILD_MEMORY_MB)"
                )
            if reason:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
    finally:
        end(process)
    last = read(work)
    # One that is interrupted before its own code runs ends with Python's 1, which would say that a variant is worse.
    code = -signal.SIGINT if reason else process.returncode
    if code == WORSE and not any(line.startswith("error: ") for line in last.lines):
        code = CRASHED  # Python's own 1, of what nobody expected
    return Ended(code, reason or _reason(code, last.lines), last)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a build with all that it started, and kill what does not end."""
    if process.poll() is not None:
        return
    for sign in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return
    process.wait()


def read(work: Work) -> Progress:
    """Return what a build has said so far."""
    told: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(work.progress.read_bytes())
    share = (told.get("number", 0) + told.get("share", 0.0)) / max(1, told.get("of", 1))
    return Progress(told.get("step", "start"), round(min(1.0, share), 3), _tail(work.log), told.get("figures", {}))


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            said = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.strip()[:300] for line in said if line.strip()][-LINES:]


def _reason(code: int, lines: Sequence[str]) -> str:
    if code == BUILT:
        return ""
    if code < 0:
        return f"the build was ended by {signal.Signals(-code).name}; ask again, it goes on from the finished steps"
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else (lines[-1] if lines else f"the build ended with exit code {code}")


def _memory_mb(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))) / 2**20
    return 0.0
