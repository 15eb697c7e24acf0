"""What is new is packed and proved by a process of its own, however busy the machine is."""

import logging
from pathlib import Path

import pytest

from models.runtime.card import read_card
from models.runtime.store import read_build
from service.variants import packed as module
from service.variants.packed import pack_new
from service.variants.proved import PROVED, read_proved


def pack(built: Path, packed: Path) -> set[str]:
    """Pack all variants, and return the names of those that are proved."""
    folders = {name: built / name for name in read_build(built).variants}
    pack_new(folders, folders, packed, built, 1)
    versions = {read_card(folder).version: name for name, folder in folders.items()}
    return {versions[version] for version in read_proved(packed.with_name(PROVED), versions)}


def test_it_goes_on_behind_requests_where_no_processor_is_free(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    assert pack(built, tmp_path / "packed") == set(read_build(built).variants)
    assert read_card(built / "int8").version in {folder.name for folder in (tmp_path / "packed").iterdir()}
    assert not caplog.messages


def test_where_it_takes_too_long_workers_hold_their_own_weights(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    monkeypatch.setattr(module, "MOST_S", 0.01)
    with caplog.at_level(logging.WARNING):
        assert pack(built, tmp_path / "packed") == set()
    assert caplog.messages == ["each worker holds its own weights: packing them takes longer than 0 s"]
