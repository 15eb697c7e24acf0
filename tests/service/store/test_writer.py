"""The thread that writes: nothing waits for it, nothing acknowledged is lost, and it goes on after everything."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from service.store.errors import StoreAway, StoreError, StoreFull, StoreReadOnly, Waiting
from service.store.rows import Outcome
from service.store.store import Store
from service.store.writer import Writer
from tests.service.store.made import kept, recounted, served, shadow, summed, truth
from tests.service.store.postgres import Server

Start = Callable[..., Writer]


@pytest.fixture
def start() -> Iterator[Start]:
    started = []

    def start_(store: Store, *arguments: int) -> Writer:
        started.append(Writer(store, *arguments))
        return started[-1]

    yield start_
    for writer in started:
        writer.close(2)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_is_offered_is_written(store: Store, start: Start) -> None:
    writer = start(store)
    assert all(writer.offer(served(number)) and writer.offer(shadow(number)) for number in range(2500))
    assert writer.close(60)
    assert (writer.written, writer.pending, writer.dropped, writer.failing) == (5000, 0, {}, "")
    assert summed(store)[0] == recounted(store)[0]
    assert store.totals("trial")[0].requests == store.shadow_totals("trial")[0].pairs == 2500


def test_rows_are_written_without_being_asked_for(store: Store, start: Start) -> None:
    writer = start(store)
    writer.offer(served(1))
    until(lambda: writer.written == 1)
    assert len(kept(store, "predictions")) == 1


def test_feedback_is_answered_after_its_commit_each_request_its_own(store: Store, start: Start) -> None:
    writer = start(store)
    futures = [writer.give([truth(number), truth(number, truth="other")]) for number in range(200)]
    for number, future in enumerate(futures):
        assert future.result(20) == [Outcome.NEW, Outcome.CONTRADICTS]
        assert len(store.outcomes("trial").arm) > number
    assert writer.give([]).result(20) == []


def test_feedback_of_many_threads(store: Store, start: Start) -> None:
    writer = start(store)
    found: list[Outcome] = []

    def send(offset: int) -> None:
        for number in range(60):
            writer.offer(served(offset * 1000 + number))
            found.extend(writer.give([truth(number)]).result(20))

    threads = [threading.Thread(target=send, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(60)
    assert sorted(found) == [Outcome.NEW] * 60 + [Outcome.REPEATED] * 180
    assert store.totals("trial")[0].requests == 240


def test_a_prediction_never_waits_for_a_store_that_is_locked(sqlite_store: Store, start: Start, tmp_path: Path) -> None:
    event.listen(sqlite_store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=100"))
    writer = start(sqlite_store, 50)
    other = sqlite3.connect(tmp_path / "folder" / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken = sum(writer.offer(served(number)) for number in range(60))
    assert 50 <= taken <= 60
    with pytest.raises(StoreAway, match="is locked by another process"):
        writer.give([truth(1)]).result(20)
    until(lambda: writer.failing)
    lost = 0
    while writer.offer(served(1000 + lost)):  # the queue of 50, beside the batch that is tried again
        lost += 1
    assert writer.dropped["store away"] >= 1
    assert writer.pending >= 50
    other.execute("ROLLBACK")
    other.close()
    until(lambda: not writer.pending and not writer.failing)
    assert writer.written == len(kept(sqlite_store, "predictions")) == taken + lost
    assert writer.offer(served(5000))


def test_a_full_queue_loses_the_newest_and_counts_them(store: Store, start: Start) -> None:
    writer = start(store, 10)
    while writer.offer(served(next(numbers))):
        pass
    assert writer.dropped == {"full queue": 1}
    assert writer.close(60)
    assert len(kept(store, "predictions")) == writer.written


numbers = iter(range(10**9))


def test_too_much_feedback_is_refused_at_once(store: Store, start: Start) -> None:
    writer = start(store, 10, 5)
    with pytest.raises(Waiting, match="labels wait to be written; expected 5 at most"):
        writer.give([truth(number) for number in range(6)]).result(20)
    assert writer.give([truth(number) for number in range(5)]).result(20) == [Outcome.NEW] * 5


def test_a_row_that_the_database_refuses_is_lost_alone(store: Store, start: Start) -> None:
    writer = start(store)
    for number in range(40):
        writer.offer(served(number, label="\ud800" if number in (7, 29) else "fine"))
        writer.offer(shadow(number))
    good, bad = writer.give([truth(1)]), writer.give([truth(2, truth="\ud800")])
    assert good.result(20) == [Outcome.NEW]
    with pytest.raises(StoreError, match="cannot be stored"):
        bad.result(20)
    assert writer.close(60)
    assert (writer.written, writer.dropped, writer.failing) == (78, {"refused row": 2}, "")
    assert len(kept(store, "predictions")) == 38
    assert len(kept(store, "shadows")) == 40


def test_a_zero_character_is_refused_or_kept_but_stops_nothing(store: Store, start: Start) -> None:
    writer = start(store)
    writer.offer(served(1, label="a\0b"))
    writer.offer(served(2))
    assert writer.close(60)
    assert writer.written + writer.dropped.get("refused row", 0) == 2
    assert "p2" in {row["id"] for row in kept(store, "predictions")}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_server_that_is_away_for_a_while(server: Server, store: Store, start: Start) -> None:
    writer = start(store)
    writer.offer(served(0))
    assert writer.give([truth(0)]).result(20) == [Outcome.NEW]
    server.stop()
    try:
        for number in range(1, 30):
            writer.offer(served(number))
        with pytest.raises(StoreAway, match="cannot be reached"):
            writer.give([truth(1)]).result(20)
        until(lambda: "cannot be reached" in writer.failing)
    finally:
        server.start()
    until(lambda: not writer.pending)
    assert writer.give([truth(0), truth(1)]).result(20) == [Outcome.REPEATED, Outcome.NEW]
    assert (writer.written, writer.dropped, writer.failing) == (30, {}, "")
    assert summed(store)[0] == recounted(store)[0]


def test_a_folder_that_is_away_from_the_start(sqlite_store: Store, start: Start, tmp_path: Path) -> None:
    (tmp_path / "folder").rename(tmp_path / "away")
    writer = start(sqlite_store)
    writer.offer(served(1))
    until(lambda: "cannot be opened" in writer.failing)
    (tmp_path / "away").rename(tmp_path / "folder")
    until(lambda: writer.written)
    assert len(kept(sqlite_store, "predictions")) == 1


def test_a_folder_that_is_removed_and_replaced_by_a_copy(sqlite_store: Store, start: Start, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "folder", tmp_path / "copy")
    writer = start(sqlite_store)
    assert writer.give([truth(1)]).result(20) == [Outcome.NEW]
    shutil.rmtree(tmp_path / "folder")
    with pytest.raises(StoreAway):
        writer.give([truth(2)]).result(20)
    (tmp_path / "copy").rename(tmp_path / "folder")
    assert writer.give([truth(1), truth(2)]).result(20) == [Outcome.NEW, Outcome.NEW]
    assert len(sqlite_store.outcomes("trial").arm) == 2


def test_a_disk_that_is_full_for_a_while(sqlite_store: Store, start: Start) -> None:
    pages = [1]
    event.listen(
        sqlite_store.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages[0]}")
    )
    writer = start(sqlite_store, 3000)
    offered = sum(writer.offer(served(number)) for number in range(3000))
    until(lambda: "is full" in writer.failing)
    while writer.offer(served(next(numbers) + 10_000)):
        offered += 1
    assert writer.dropped["disk full"] >= 1
    with pytest.raises(StoreFull):
        [writer.give([truth(number) for number in range(900)]).result(20) for _ in range(3)]
    pages[0] = 100_000
    sqlite_store.close()  # the next connections have the room
    until(lambda: not writer.pending)
    assert writer.written == len(kept(sqlite_store, "predictions")) == offered
    assert summed(sqlite_store)[0] == recounted(sqlite_store)[0]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_store_that_is_read_only(url: str, start: Start, open_store: Callable[[str], Store]) -> None:
    writer = start(open_store(f"{url}?mode=ro"), 5)
    writer.offer(served(1))
    until(lambda: "is read-only" in writer.failing)
    until(lambda: not writer.offer(served(2)))
    assert writer.dropped == {"store read-only": 1}
    with pytest.raises(StoreReadOnly):
        writer.give([truth(1)]).result(20)
    assert not writer.close(0.1)
    assert writer.dropped["closed"] >= 5


def test_the_thread_survives_whatever_is_offered(store: Store, start: Start) -> None:
    writer = start(store)
    writer.offer("no row")  # type: ignore[arg-type]
    writer.offer(served(1, at="yesterday"))
    writer.offer(served(2))
    bad = writer.give([None])  # type: ignore[list-item]
    with pytest.raises(StoreError, match="cannot be stored"):
        bad.result(20)
    assert writer.give([truth(2)]).result(20) == [Outcome.NEW]
    assert writer.close(60)
    assert {row["id"] for row in kept(store, "predictions")} == {"p2"}
    assert writer.dropped == {"refused row": 2}


def test_feedback_that_nobody_waits_for_is_no_trouble(store: Store, start: Start) -> None:
    writer = start(store)
    with store._writing():
        futures = [writer.give([truth(number)]) for number in range(5)]
        cancelled = [future.cancel() for future in futures]
    assert writer.give([truth(9)]).result(20) == [Outcome.NEW]
    assert writer.close(60)
    assert len(kept(store, "feedback")) == 1 + cancelled.count(False)


def test_a_closed_writer_refuses(store: Store, start: Start) -> None:
    writer = start(store)
    assert writer.close(60)
    assert not writer.offer(served(1))
    assert writer.dropped == {"closed": 1}
    with pytest.raises(StoreAway, match="the service is stopping"):
        writer.give([truth(1)]).result(20)
    assert writer.close(60)


def test_rows_wait_while_the_file_is_damaged(sqlite_store: Store, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "store.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    writer = start(sqlite_store)
    for number in range(40):
        writer.offer(served(number))
    until(lambda: "is damaged" in writer.failing)
    assert (writer.pending, writer.dropped) == (40, {})
    file.write_bytes(whole)
    until(lambda: writer.written == 40)
