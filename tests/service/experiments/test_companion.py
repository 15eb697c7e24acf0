"""A process beside a worker does not outlive it, nor hold it up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.experiments.companion import END_S, PARENT, Companion, Ended
from tests.service.conftest import ROOT


def test_one_whose_parent_was_gone_before_it_began_ends(tmp_path: Path) -> None:
    address = tmp_path / "socket"
    done = subprocess.run(
        [sys.executable, "-m", "service.experiments.recorder", str(address)],
        cwd=ROOT,
        env={**os.environ, PARENT: "1"},
        timeout=600,
    )
    assert done.returncode == 0
    assert not address.exists()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a module that says when it has begun, and does not end when it is asked to."""
    (tmp_path / "stubborn.py").write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "stubborn"


def test_one_that_does_not_end_is_not_waited_for_and_is_killed_in_time(module: str, tmp_path: Path) -> None:
    companion, begun = Companion(module), tmp_path / "begun"
    companion.keep([str(begun)], 0.0)
    until = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.05)
    companion.keep(None, 10.0)
    assert companion.lives
    companion.keep(None, 10.0 + END_S)
    assert companion.lives
    companion.keep(None, 10.1 + END_S)
    assert not companion.lives


def test_another_one_can_run_while_the_last_has_not_ended(module: str, tmp_path: Path) -> None:
    companion = Companion(module)
    for name in ("a", "b"):
        companion.keep([str(tmp_path / name)], 0.0)
        until = time.monotonic() + 60
        while not (tmp_path / name).exists() and time.monotonic() < until:
            time.sleep(0.05)
    assert (tmp_path / "b").exists()
    companion.keep(None, 1e9)
    companion.keep(None, 2e9)
    assert not companion.lives


def test_a_second_signal_within_the_first_holds_nothing_up() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    try:
        end = Ended()
        assert not end.is_set
        for _ in range(200):
            os.kill(os.getpid(), signal.SIGTERM)
            end._note()
        assert end.is_set
    finally:
        signal.signal(signal.SIGTERM, usual)
