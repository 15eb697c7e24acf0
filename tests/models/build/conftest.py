"""A build as a command: recipes that differ, and what it says and leaves."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.build.command import main
from models.runtime.card import read_card
from models.runtime.store import read_build

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "models.build"]


def versions(out: Path) -> dict[str, str]:
    return {name: read_card(out / name).version for name in read_build(out).variants}


def finished(out: Path) -> dict[str, int]:
    """Every finished step with what tells it from one that was made again."""
    return {path.name: path.stat().st_ino for path in (out / ".steps").glob("[!.]*")}


@pytest.fixture
def changed(tiny_recipe: Path, tmp_path: Path) -> Callable[..., str]:
    """Write the tiny recipe with some of its first-level entries replaced."""

    def write(**changes: Any) -> str:
        file = tmp_path / f"changed{len(list(tmp_path.glob('changed*')))}.yaml"
        file.write_text(json.dumps(json.loads(tiny_recipe.read_text()) | changes))
        return str(file)

    return write


@pytest.fixture
def error(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a build that has to end with exit code 2, and return the one line that it prints."""

    def run(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        return line.removeprefix("error: ")

    return run
