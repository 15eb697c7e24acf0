"""What the process of shadows does not take is dropped and counted, and made ready no more while it takes nothing."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from service.experiments.shadow import AGAIN_S, TOLD_S, Row, Shadow, Work

WORK = Work("ab", 1, "teacher", "0123456789ab", ["nano", "int8"], 1.0, [Row("key", "where is it", "arrival", 0.9)])


def lost() -> float:
    return REGISTRY.get_sample_value("bonsai_records_lost_total", {"reason": "shadow"}) or 0.0


@pytest.fixture
def shadow(tmp_path: Path) -> Iterator[Shadow]:
    with closing(Shadow(tmp_path / "socket")) as shadow:
        yield shadow


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        yield listener


def test_work_comes_as_it_was_sent(shadow: Shadow, listener: socket.socket) -> None:
    shadow.offer(WORK)
    assert Work.decode(listener.recv(1000)) == WORK


def test_what_is_not_taken_is_counted_and_for_a_moment_nothing_is_sent(shadow: Shadow) -> None:
    before = lost()
    assert not shadow.is_full
    shadow.offer(WORK)
    assert shadow.is_full
    assert lost() - before == 2  # one text that two arms are not asked
    time.sleep(AGAIN_S)
    assert not shadow.is_full


def test_what_is_dropped_is_told_soon_and_at_the_end(shadow: Shadow) -> None:
    before = lost()

    async def dropped() -> None:
        shadow.drop(3, 2)
        shadow.drop(1, 2)
        assert lost() == before
        while lost() == before:
            await asyncio.sleep(TOLD_S)
        assert lost() - before == 8
        shadow.drop(1, 1)

    asyncio.run(dropped())
    shadow.close()
    assert lost() - before == 9


def test_what_fits_in_no_datagram_is_counted_and_says_nothing_of_the_next(
    shadow: Shadow, listener: socket.socket
) -> None:
    before = lost()
    shadow.offer(WORK._replace(rows=[Row("key", "x" * 200_000, "arrival", 0.9)]))
    assert lost() - before == 2
    assert not shadow.is_full
