import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loadtest.serving import running as module
from loadtest.serving.asking import NoAnswerError
from loadtest.serving.running import NotStartedError, Setting, running
from loadtest.serving.servers import SERVERS, Server

STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_server_answers_as_long_as_the_block_runs_and_has_ended_with_all_its_processes(setting: Setting) -> None:
    with running(SERVERS["noop"], setting, "a text") as started:
        assert started.process.is_running()
        assert started.cpu_seconds() > 0
    assert not started.process.is_running()


def test_what_does_not_end_when_it_is_told_to_is_killed(
    canned: Callable[..., Server], setting: Setting, monkeypatch: pytest.MonkeyPatch, questions: tuple[object, ...]
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.2)
    program, *arguments = canned().command
    with running(
        Server("", (program, "-c", STUBBORN, *arguments), apart=False), setting, "text number 0 about track_order"
    ) as started:
        pass
    assert not psutil.pid_exists(started.process.pid)


def test_a_server_that_ends_at_its_start_says_why(setting: Setting) -> None:
    code = "import sys; print('first'); sys.exit('no such model')"
    with (
        pytest.raises(NotStartedError, match="it ended with exit code 1: no such model"),
        running(Server("", ("python", "-c", code), apart=False), setting, "x"),
    ):
        pass


LOADING = """
import pathlib, sys, time
print("loading", flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)  # longer than a test may take: it is not waited for
"""


def test_a_server_that_does_not_answer_in_time_says_what_it_did_last_and_is_ended(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask(*_: object) -> None:
        while not (tmp_path / "loading").exists():  # however long Python takes to start
            time.sleep(0.01)
        raise NoAnswerError("still loading")

    monkeypatch.setattr(module, "ask", ask)
    monkeypatch.setattr(module, "WITHIN_S", 0.0)
    with (
        pytest.raises(NotStartedError, match=r"it did not answer within 0 s \(still loading\): loading"),
        running(Server("", ("python", "-c", LOADING, str(tmp_path / "loading")), apart=False), setting, "x"),
    ):
        pass
