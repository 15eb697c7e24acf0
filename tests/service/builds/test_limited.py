"""A build gives way to everything else."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = "import os; print(os.getpriority(0, 0), os.sched_getscheduler(0) == os.SCHED_IDLE, len(os.sched_getaffinity(0)))"


def limited(parent: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service.builds.limited", "1", str(parent), sys.executable, "-c", CODE]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_it_has_the_idle_priority_and_one_core() -> None:
    assert limited(os.getpid()).stdout.split() == ["19", "True", "1"]


def test_it_does_not_begin_without_the_one_that_started_it() -> None:
    done = limited(1)
    assert (done.returncode, done.stdout) == (1, "")
