"""Rows on their way to the process that writes them: what cannot be sent is counted."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.experiments import records
from service.experiments.losses import LOST
from service.experiments.records import AT_ONCE, CLOSED, FULL, MOST_BYTES, MOST_WAITING, Records, Unseen, Way, decode
from service.store.rows import Served, Shadow
from tests.service.store.made import served


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
    unseen._way._socket.settimeout(0.05)
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


async def received(listener: socket.socket, least: int) -> list[Served | Shadow]:
    """Return rows as they come, until there are so many, while the loop turns."""
    found = list[Served | Shadow]()
    while len(found) < least:
        found += decode(await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listener, MOST_BYTES), 20))
    return found


def test_a_large_request_arrives_whole_in_several_datagrams(tmp_path: Path) -> None:
    given = [served(number, text="where is it? " * 40, first=not number) for number in range(AT_ONCE + 700)]

    async def offered() -> list[Served | Shadow]:
        rows = Records(tmp_path / "records")
        rows.offer(given)
        found = await received(listener, len(given))
        rows.close()
        return found

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "records"))
        listener.setblocking(False)
        assert asyncio.run(offered()) == given


def test_rows_wait_for_the_process_and_then_go_in_their_order(tmp_path: Path) -> None:
    first, second = [served(1)], [served(2), served(3)]

    async def offered() -> list[Served | Shadow]:
        rows = Records(tmp_path / "records")
        rows.offer(first)
        await asyncio.sleep(records.GATHER_S * 2)  # nobody listens
        listener.bind(str(tmp_path / "records"))
        rows.offer(second)
        found = await received(listener, 3)
        rows.close()
        return found

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.setblocking(False)
        assert asyncio.run(offered()) == first + second


def test_what_is_more_than_may_wait_is_counted_as_lost(tmp_path: Path) -> None:
    full, closed = lost(FULL), lost(CLOSED)

    async def offered() -> None:
        rows = Records(tmp_path / "records")
        rows.offer([served(number) for number in range(MOST_WAITING - 1)])
        rows.offer([served(1), served(2)])
        assert lost(FULL) == full + 2
        rows.close()
        assert lost(CLOSED) == closed + MOST_WAITING - 1

    asyncio.run(offered())


def test_what_was_sent_is_not_sent_again_where_the_rest_finds_no_room(tmp_path: Path) -> None:
    given = [served(number, text="where is it? " * 300) for number in range(400)]  # 1.6 MB: more than a socket holds
    way, sent, found = Way(tmp_path / "records", 0), 0, list[Served | Shadow]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "records"))
        listener.setblocking(False)
        turns = 0
        while sent < len(given):
            more = way.send(given[sent:])
            assert more, "a part goes each time, or it would never end"
            sent, turns = sent + more, turns + 1
            with suppress(BlockingIOError):
                while True:
                    found += decode(listener.recv(MOST_BYTES))
    way.close()
    assert turns > 1
    assert found == given
