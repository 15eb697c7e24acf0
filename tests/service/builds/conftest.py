"""A folder of the tiny variants that a test may change."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of the tiny build."""
    return Path(shutil.copytree(built, tmp_path / "variants", symlinks=True))


def change(file: Path, **content: Any) -> None:
    """Replace what a JSON file says on its first level."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **content}))
