"""What experiments are: their definitions, states and log, and the generation that tells workers of a change."""

import json
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from service.store import schema
from service.store.batch import insert_for
from service.store.errors import Changed
from service.store.expiry import shorten

SECRET = "prediction ids"
SECRET_BYTES = 32
KEEP_TEXTS = "keep_texts_days"  # of a definition


class Stored(NamedTuple):
    """An experiment as it is now; `since` is the revision that brought this definition."""

    name: str
    revision: int
    since: int
    state: str
    reason: str
    definition: dict[str, Any]
    changed_at: float


class Entry(NamedTuple):
    """A line of an experiment's log."""

    revision: int
    at: float
    actor: str
    what: str
    detail: dict[str, Any]


def secret(connection: Connection) -> bytes:
    """Return the key of prediction ids, made by whoever asks first."""
    values = {"name": SECRET, "value": token_hex(SECRET_BYTES)}
    connection.execute(insert_for(connection.dialect.name, schema.secrets).on_conflict_do_nothing(), values)
    found = connection.execute(select(schema.secrets.c.value).where(schema.secrets.c.name == SECRET))
    return bytes.fromhex(found.scalar_one())


def generation(connection: Connection) -> int:
    """Return how many changes there were."""
    return int(connection.execute(select(schema.generation.c.value)).scalar_one())


def experiments(connection: Connection) -> list[Stored]:
    """Return all experiments, by name."""
    return [_stored(row) for row in connection.execute(select(schema.experiments).order_by(schema.experiments.c.name))]


def save(
    connection: Connection,
    name: str,
    definition: Mapping[str, Any],
    state: str,
    what: str,
    actor: str,
    reason: str,
    detail: Mapping[str, Any],
    expected: int | None,
    seen: int | None,
) -> int:
    """Write the next revision of an experiment with its line of the log."""
    # First the generation: whoever has its row is alone, so that what is read below holds until the commit.
    counted = update(schema.generation).values(value=schema.generation.c.value + 1).returning(schema.generation.c.value)
    before = connection.execute(counted).scalar_one() - 1
    table = schema.experiments
    found = connection.execute(select(table).where(table.c.name == name)).one_or_none()
    old = _stored(found) if found is not None else None
    revision = old.revision if old else 0
    if expected is not None and expected != revision:
        raise Changed(
            f"experiment '{name}' is at revision {revision} by now, and the change is for revision {expected}; read it "
            "again with GET /experiments"
        )
    if seen is not None and seen != before:
        raise Changed(
            f"an experiment was changed while '{name}' was looked at (change {before}, expected {seen}); try again"
        )
    now, written = time.time(), json.dumps(definition)
    values = {
        "revision": revision + 1,
        "since": old.since if old and old.definition == json.loads(written) else revision + 1,
        "state": state,
        "reason": reason,
        "definition": written,
        "changed_at": now,
    }
    if old:
        before, keep = (each.get(KEEP_TEXTS) or 0.0 for each in (old.definition, definition))
        if keep < before:
            shorten(connection, name, before, keep)
        connection.execute(update(table).where(table.c.name == name).values(values))
    else:
        connection.execute(insert(table).values(name=name, **values))
    line = {"experiment": name, "revision": revision + 1, "at": now, "actor": actor, "what": what}
    connection.execute(insert(schema.log).values(**line, detail=json.dumps(detail)))
    return revision + 1


def log(connection: Connection, name: str) -> list[Entry]:
    """Return an experiment's log, oldest first."""
    columns = schema.log.c
    lines = select(columns.revision, columns.at, columns.actor, columns.what, columns.detail)
    found = connection.execute(lines.where(columns.experiment == name).order_by(columns.id))
    return [Entry(*row[:4], json.loads(row.detail)) for row in found]


def _stored(row: Row[Any]) -> Stored:
    definition = json.loads(row.definition)
    return Stored(row.name, row.revision, row.since, row.state, row.reason, definition, row.changed_at)
