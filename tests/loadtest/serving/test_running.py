import time
from collections.abc import Callable

import psutil
import pytest

from loadtest.serving import running as module
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


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('first'); sys.exit('no such model')", "it ended with exit code 1: no such model"),
        ("import time; print('loading', flush=True); time.sleep(60)", "it did not answer within 0.3 s .*: loading"),
    ],
)
def test_a_server_that_does_not_start_says_why(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.3)
    began = time.monotonic()
    with (
        pytest.raises(NotStartedError, match=said),
        running(Server("", ("python", "-c", code), apart=False), setting, "x"),
    ):
        pass
    assert time.monotonic() - began < 10
