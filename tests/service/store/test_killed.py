"""kill -9 of a writing process: what was acknowledged is there, and sums are what a recount gives."""

import os
import random
import signal
import time

import psycopg

from service.store.store import Store
from tests.service.store.made import kept, recounted, summed
from tests.service.store.processes import start, write_until_killed

KILLS, TOGETHER = 10, 2


def until_the_server_knows(url: str) -> None:
    """Wait until no process of the server works for one that is dead: what it got whole, it still does."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        end = time.monotonic() + 20
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.01)


def test_what_was_acknowledged_survives(store: Store, url: str) -> None:
    chance = random.Random(13)
    acknowledged: list[str] = []
    for kill in range(0, KILLS, TOGETHER):
        running = [start(write_until_killed, url, (kill + number) * 1_000_000) for number in range(TOGETHER)]
        for process, pipe in running:
            acknowledged.append(pipe.recv())  # it writes by now
            time.sleep(chance.uniform(0, 0.12))
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join(20)
            assert process.exitcode == -signal.SIGKILL
        for _, pipe in running:
            try:
                while True:
                    acknowledged.append(pipe.recv())
            except EOFError:
                pipe.close()
    if "postgresql" in url:
        until_the_server_knows(url)
    labelled = {row["prediction_id"] for row in kept(store, "feedback")}
    assert len(set(acknowledged)) == len(acknowledged) >= KILLS
    assert set(acknowledged) <= labelled
    assert summed(store)[0] == recounted(store)[0]
    store.write()  # and the store can be written to
    assert store.save("trial", {}, "running", "created", actor="admin", expected=0) == 1
