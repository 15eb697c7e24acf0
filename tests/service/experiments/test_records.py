"""Rows on their way to the process that writes them: what cannot be sent is counted."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.experiments import records
from service.experiments.losses import LOST
from service.experiments.records import AT_ONCE, CLOSED, FULL, MOST_BYTES, Unseen, decode
from service.store.rows import Shadow


@pytest.fixture
def unseen(tmp_path: Path) -> Iterator[Unseen]:
    rows = Unseen(tmp_path / "records")
    yield rows
    rows.close()


def row(number: int) -> Shadow:
    times = {"served_score": 0.5, "served_ms": 1.0, "score": 0.5, "ms": 1.0, "at": 7.0}
    names = {"served": "teacher", "served_label": "late", "arm": "int8", "version": "v", "label": "late"}
    return Shadow(prediction_id=f"key{number}", experiment="ab", revision=1, **names, **times)  # type: ignore[arg-type]


def lost(reason: str) -> int:
    return int(LOST.labels(reason)._value.get())


def test_rows_arrive_in_their_order_and_no_more_together_than_fit(tmp_path: Path, unseen: Unseen) -> None:
    given = [row(number) for number in range(AT_ONCE + 3)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "records"))
        listener.settimeout(20)
        for each in given:
            unseen.offer(each)
        assert unseen.is_enough
        unseen.send()
        found = [decode(listener.recv(MOST_BYTES)) for _ in range(2)]
    assert [len(some) for some in found] == [AT_ONCE, 3]
    assert [each for some in found for each in some] == given


def test_rows_that_nobody_takes_are_counted_as_lost(unseen: Unseen) -> None:
    before = lost(FULL)
    for number in range(AT_ONCE + 3):
        unseen.offer(row(number))
    unseen.send()  # nobody listens
    assert lost(FULL) == before + AT_ONCE + 3
    assert not unseen.is_enough


def test_rows_that_find_no_room_wait_and_are_then_counted(
    tmp_path: Path, unseen: Unseen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "AT_ONCE", 1)
    unseen._socket.settimeout(0.05)
    before = lost(FULL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "records"))
        listener.settimeout(0.2)
        for number in range(1000):
            unseen.offer(row(number))
            if lost(FULL) > before:
                break
            unseen.send()
        taken = 0
        try:
            while True:
                taken += len(decode(listener.recv(MOST_BYTES)))
        except TimeoutError:
            pass
    unseen.send()
    assert lost(FULL) > before
    assert taken + lost(FULL) - before == number + 1


def test_rows_that_wait_at_the_end_are_counted(tmp_path: Path) -> None:
    before, rows = lost(CLOSED), Unseen(tmp_path / "records")
    for number in range(5):
        rows.offer(row(number))
    rows.close()
    assert lost(CLOSED) == before + 5
