"""The file of keys, as a worker watches it."""

import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import service.keys.watched as watched_module
from models.runtime.errors import BonsaiError
from service.keys.__main__ import new, remove
from service.keys.entries import MOST_KEYS, Entry, digest
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


@pytest.mark.parametrize("damage", ["", "shop predict", "gone", "\x00", "a folder", "a pipe"])
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
    elif damage == "a pipe":  # whoever opens one waits until somebody writes to it
        os.mkfifo(file)
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
    if damage == "a pipe":
        file.unlink()
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


def test_a_key_is_revoked_once_the_file_can_be_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    first = f"Bearer {new(file, 'first', 'predict', None, None)}"
    new(file, "second", "predict", None, None)
    watched = WatchedKeys(file)
    remove(file, "first")
    with caplog.at_level(logging.WARNING):
        with no_file_left():
            for _ in range(3):
                watched.turn()
        assert watched.now.find(first) is not None
        assert len(caplog.messages) == 1 and "Too many open files" in caplog.messages[0]
        watched.turn()
        assert watched.now.find(first) is None and len(watched.now) == 1
        # The same problem is said again where it comes back.
        remove(file, "second")
        with no_file_left():
            watched.turn()
    assert len(caplog.messages) == 2


def test_a_worker_that_began_with_the_last_keys_takes_the_files_as_soon_as_it_can(tmp_path: Path) -> None:
    file, shared = tmp_path / "keys", tmp_path / "shared"
    shared.mkdir()
    old = f"Bearer {new(file, 'old', 'predict', None, None)}"
    WatchedKeys(file, shared)
    young = f"Bearer {new(file, 'new', 'predict', None, None)}"
    remove(file, "old")
    file.rename(tmp_path / "aside")
    file.mkdir()
    watched = WatchedKeys(file, shared)
    assert watched.now.find(old) is not None
    file.rmdir()
    (tmp_path / "aside").rename(file)
    watched.turn()
    assert watched.now.find(old) is None and watched.now.find(young) is not None


def test_the_thread_outlives_whatever_goes_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    new(file, "shop", "predict", None, None)
    watched = WatchedKeys(file)
    turns = 0

    def broken() -> None:
        nonlocal turns
        turns += 1
        raise MemoryError("no room")

    monkeypatch.setattr(watched_module, "POLL_S", 0.01)
    monkeypatch.setattr(watched, "turn", broken)
    with caplog.at_level(logging.WARNING):
        watched.start()
        wait_until(lambda: turns > 3)
        monkeypatch.undo()
    key = f"Bearer {new(file, 'other', 'predict', None, None)}"
    wait_until(lambda: watched.now.find(key) is not None)
    assert caplog.messages == ["the keys stay as they are: MemoryError('no room')"]
    watched.close()


def test_as_many_keys_with_a_rate_as_there_may_be_take_few_descriptors_at_a_change_too(tmp_path: Path) -> None:
    file, shared = tmp_path / "keys", tmp_path / "shared"
    shared.mkdir()

    def write(first: int) -> None:
        numbers = range(first, first + MOST_KEYS)
        entries = (Entry(f"k{number}", "predict", digest(str(number)).hex(), 5.0) for number in numbers)
        file.write_text("".join(f"{entry.line()}\n" for entry in entries))

    write(0)
    watched = WatchedKeys(file, shared)
    write(10)
    watched.turn()
    assert len(watched.now) == MOST_KEYS and opened(tmp_path) == 1


def test_a_change_in_place_is_seen_whatever_its_times_say(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = f"Bearer {new(file, 'shop', 'predict', None, None)}"
    watched, before = WatchedKeys(file), file.stat()
    content = file.read_text()
    digits = content.rindex("sha256:") + len("sha256:")
    time.sleep(0.05)  # a file's times are as fine as the kernel's ticks
    file.write_text(content[:digits] + ("0" if content[digits] != "0" else "1") + content[digits + 1 :])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    watched.turn()
    assert watched.now.find(key) is None


def opened(folder: Path) -> int:
    """Return how many files of a folder this process has open."""
    return sum(each.is_symlink() and folder in each.readlink().parents for each in Path("/proc/self/fd").iterdir())


@contextmanager
def no_file_left() -> Iterator[None]:
    """Let this process open no file more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def wait_until(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not there():
        assert time.monotonic() < until
        time.sleep(0.02)
