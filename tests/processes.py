"""Tests in several processes (`pytest -n 4`): who runs what, who gives way, what is measured, and what one makes for
all.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from xdist.scheduler import LoadScopeScheduling

from models.runtime.background import LEAST, give_way

ROOT = Path(__file__).parents[1]
TIMED = ("tests/loadtest/",)  # they look at the times of what they start
HAS_RUN = pytest.StashKey[bool]()
ONE_OF_SEVERAL = "PYTEST_XDIST_WORKER" in os.environ
if ONE_OF_SEVERAL:  # is measured by now; of what it starts, only the servers of tests/service/conftest.py are to be
    os.environ.pop("COVERAGE_PROCESS_START", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let `coverage run -m pytest -n 4` measure the processes that run the tests."""
    if Coverage.current():
        os.environ["COVERAGE_PROCESS_START"] = str(ROOT / "pyproject.toml")


class ByFile(LoadScopeScheduling):
    """Give a process a file of tests after the other, and all that look at times to the same one: two at once would
    slow each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "timed" if nodeid.startswith(TIMED) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Hand out the tests in their usual order, which has those that take longest first."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a process that begins with other tests give way to the one that looks at times.

    Both go behind whoever else uses the machine. Others take the idle priority because that is what builds on the fly
    have: behind tests of any other priority they would not get on. The one that looks at times is never made to wait.
    """
    begins = HAS_RUN not in item.session.stash
    item.session.stash[HAS_RUN] = True
    if begins and ONE_OF_SEVERAL:
        if item.nodeid.startswith(TIMED):
            os.nice(LEAST)
        else:
            give_way(LEAST, idle=True)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a folder that the first of the test processes fills, while the others wait."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if ONE_OF_SEVERAL else own

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        folder, made = root / name, root / f"{name}.made"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return folder
