"""Workers with more connections than their share close some."""

from pathlib import Path

from service.serving.spread import STALE_S, Spread


def workers(folder: Path, *connections: int) -> list[Spread]:
    spreads = [Spread(folder, worker, len(connections)) for worker in range(len(connections))]
    for spread, count in zip(spreads, connections, strict=True):
        for client in range(count):
            assert not spread.is_one_too_many(("127.0.0.1", client))
    for _ in range(2):  # the first to write has not read the others yet
        for spread, count in zip(spreads, connections, strict=True):
            spread._clients = set(range(count))
            spread.turn(100.0)
    return spreads


def closed(spread: Spread) -> int:
    return sum(spread.is_one_too_many(("127.0.0.1", client)) for client in range(100))


def test_each_keeps_its_share_rounded_up(tmp_path: Path) -> None:
    for connections, too_many in (((8, 0), [4, 0]), ((5, 4), [0, 0]), ((6, 3), [1, 0]), ((9, 0, 0), [6, 0, 0])):
        assert [closed(spread) for spread in workers(tmp_path, *connections)] == too_many


def test_a_worker_that_has_ended_counts_no_more(tmp_path: Path) -> None:
    first, _ = workers(tmp_path, 8, 0)
    first._clients = set(range(8))
    first.turn(100.0 + STALE_S)
    assert closed(first) == 0


def test_alone_it_closes_nothing(tmp_path: Path) -> None:
    for spread in (Spread(tmp_path, 0, 1), Spread(None, 0, 2)):
        spread.start()
        assert closed(spread) == 0


def test_a_client_that_would_lose_a_request_is_kept(tmp_path: Path) -> None:
    first, _ = workers(tmp_path, 8, 0)
    first._kept = {("127.0.0.1", client) for client in range(6)}
    assert [client for client in range(8) if first.is_one_too_many(("127.0.0.1", client))] == [6, 7]
