"""A process beside a worker does not outlive it."""

import os
import subprocess
import sys
from pathlib import Path

from service.experiments.companion import PARENT
from tests.service.conftest import ROOT


def test_one_whose_parent_was_gone_before_it_began_ends(tmp_path: Path) -> None:
    address = tmp_path / "socket"
    done = subprocess.run(
        [sys.executable, "-m", "service.experiments.recorder", str(address)],
        cwd=ROOT,
        env={**os.environ, PARENT: "1"},
        timeout=120,
    )
    assert done.returncode == 0
    assert not address.exists()
