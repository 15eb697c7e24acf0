"""A folder of the tiny variants that a test may change."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of the tiny build."""
    return Path(shutil.copytree(built, tmp_path / "variants", symlinks=True))
