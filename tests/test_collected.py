"""Every test runs with `make test`: pytest passes over folders by their names, `build` among them."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    folders = {file.parent for file in TESTS.rglob("test_*.py")}
    passed_over = pytestconfig.getini("norecursedirs")
    parts = {part for folder in folders for part in folder.relative_to(TESTS).parts}
    assert len(folders) > 20
    assert not [part for part in parts if any(fnmatch(part, pattern) for pattern in passed_over)]
