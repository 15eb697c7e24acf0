"""Other processes that use the same store."""

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from service.store.errors import Changed
from service.store.store import Store
from service.store.writer import Writer
from tests.service.store.made import served, truth

forks = multiprocessing.get_context("forkserver")
# So that a process starts in milliseconds; our own modules are not on the path of the process that forks.
forks.set_forkserver_preload(
    ["alembic.command", "psycopg", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql"]
)


def start(target: Any, *arguments: Any) -> "tuple[BaseProcess, Connection]":
    """Start a process, and return it with the end of a pipe whose other end it has."""
    ours, theirs = forks.Pipe()
    process = forks.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def in_each(target: Any, *arguments: tuple[Any, ...]) -> list[Any]:
    """Return what processes with these arguments send, which go off together."""
    started = [start(target, *given) for given in arguments]
    for _, pipe in started:
        assert pipe.recv() == "ready"
    for _, pipe in started:
        pipe.send("go")
    found = [pipe.recv() for _, pipe in started]
    for process, pipe in started:
        process.join(20)
        pipe.close()
        assert process.exitcode == 0
    return found


def at_once(url: str, batches: list[list[tuple[str, list[Any]]]]) -> list[list[Any]]:
    """Write a list of batches by each process, and return the outcomes of each."""
    return in_each(_write, *((url, given) for given in batches))


def _write(pipe: Connection, url: str, batches: list[tuple[str, list[Any]]]) -> None:
    store = Store(url)
    store.check()
    pipe.send("ready")
    pipe.recv()
    pipe.send([outcome for kind, rows in batches for outcome in store.write(**{kind: rows})])
    store.close()


def save_many(pipe: Connection, url: str, name: str, times: int) -> None:
    """Save as many revisions as go through, each time of the revision that was read before."""
    store = Store(url)
    pipe.send("ready")
    pipe.recv()
    refused, saved = 0, []
    while len(saved) < times:
        at = next((found.revision for found in store.experiments() if found.name == name), 0)
        try:
            saved.append(store.save(name, {}, "running", "changed", actor="process", expected=at))
        except Changed:
            refused += 1
    pipe.send((saved, refused))
    store.close()


def migrate(pipe: Connection, url: str) -> None:
    """Migrate, and send the secret."""
    store = Store(url)
    pipe.send("ready")
    pipe.recv()
    store.migrate()
    store.check()
    pipe.send(store.secret())
    store.close()


def write_until_killed(pipe: Connection, url: str, first: int) -> None:
    """Offer predictions and give feedback, and send the id of every one that was acknowledged."""
    store = Store(url)
    writer = Writer(store)
    number = first
    while True:
        for _ in range(20):
            number += 1
            writer.offer(served(number, unit=f"{number % 50:016x}", ms=float(number % 7)))
        truths = [truth(number - back) for back in range(5)]
        writer.give(truths).result(10)
        for given in truths:
            pipe.send(given.prediction_id)
