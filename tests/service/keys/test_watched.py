"""The file of keys, as a worker watches it."""

import logging
import time
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from service.keys.__main__ import new, remove
from service.keys.watched import WatchedKeys


def test_keys_come_and_go_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = f"Bearer {new(file, 'first', 'predict', None, None)}"
    watched = WatchedKeys(file)
    assert watched.now.find(first) is not None
    second = f"Bearer {new(file, 'second', 'predict', None, None)}"
    assert watched.now.find(second) is None
    watched.turn()
    assert watched.now.find(first) is not None and watched.now.find(second) is not None
    remove(file, "first")
    watched.turn()
    assert watched.now.find(first) is None and watched.now.find(second) is not None


@pytest.mark.parametrize("damage", ["", "shop predict", "gone", "\x00", "a folder"])
def test_a_broken_file_changes_nothing_and_is_said_once(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    key = f"Bearer {new(file, 'shop', 'predict', None, None)}"
    shared = tmp_path / "shared"
    shared.mkdir()
    watched = WatchedKeys(file, shared)
    whole = file.read_text()
    file.unlink()
    if damage == "a folder":
        file.mkdir()
    elif damage != "gone":
        file.write_text(damage)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            watched.turn()
    assert watched.now.find(key) is not None
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("the keys stay as they are: ")
    # A worker that starts now takes those that the others have; a service that starts now does not.
    assert WatchedKeys(file, shared).now.find(key) is not None
    with pytest.raises(BonsaiError):
        WatchedKeys(file)
    if damage == "a folder":
        file.rmdir()
    file.write_text(whole.replace("shop", "store"))
    watched.turn()
    found = watched.now.find(key)
    assert found is not None and found.name == "store"


def test_a_comment_alone_takes_every_key_away(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = f"Bearer {new(file, 'shop', 'predict', None, None)}"
    watched = WatchedKeys(file)
    file.write_text("# closed\n")
    watched.turn()
    assert watched.now.find(key) is None and len(watched.now) == 0


def test_the_thread_sees_a_change_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    new(file, "shop", "predict", None, None)
    watched = WatchedKeys(file)
    watched.start()
    key = f"Bearer {new(file, 'other', 'predict', 3.0, None)}"
    until = time.monotonic() + 20
    while watched.now.find(key) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    watched.close()
