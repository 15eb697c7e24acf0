"""Folders that killed services left go; those of services that live stay."""

import os
import tempfile
from pathlib import Path

import pytest

from service.serving.shared_folder import PREFIX, VARIABLE, _hold, _remove_left_over, decided


def test_only_what_nobody_holds_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, held, half_made = (tmp_path / f"{PREFIX}1-{name}" for name in ("left", "held", "half_made"))
    for folder in (left, held, half_made):
        folder.mkdir()
    os.close(_hold(left))
    lock = _hold(held)
    _remove_left_over()
    assert not left.exists() and held.exists() and half_made.exists()
    os.close(lock)
    _remove_left_over()
    assert not held.exists()


def test_what_the_first_process_found_holds_for_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert decided("admin", True) and not decided("admin", False)  # outside of a service each decides by itself
    for found in (True, False):
        folder = tmp_path / str(found)
        folder.mkdir()
        monkeypatch.setenv(VARIABLE, str(folder))
        assert [decided("admin", on) for on in (found, not found, found)] == [found] * 3
