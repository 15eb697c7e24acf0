"""Forgetting: texts past their time or of a unit, and rows that are older than they are kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, exists, func, or_, select, update

from service.store import schema

CHUNK = 1000  # rows a transaction: a writer waits for no more than that
DAY = 86_400.0
Writing = Callable[[], AbstractContextManager[Connection]]


def delete_unit(connection: Connection, name: str, unit: str) -> int:
    """Remove a unit's texts."""
    texts = schema.texts
    return connection.execute(delete(texts).where(texts.c.experiment == name, texts.c.unit == unit)).rowcount


def shorten(connection: Connection, name: str, before: float, days: float) -> None:
    """Let an experiment's texts, which were kept for `before` days, go after `days` of them."""
    texts, answers = schema.texts.c, schema.predictions.c
    at = select(answers.at).where(answers.id == texts.prediction_id).scalar_subquery()
    # An answer may be gone before its text.
    ends = func.coalesce(at, texts.expires - before * DAY) + days * DAY
    connection.execute(update(schema.texts).where(texts.experiment == name, texts.expires > ends).values(expires=ends))


def expire(writing: Writing, now: float, keep_days: float) -> Iterator[int]:
    """Yield how many rows each transaction removed."""
    before = now - keep_days * DAY
    yield from _chunks(writing, schema.texts, schema.texts.c.expires <= now)
    with writing() as connection:
        names = connection.execute(select(schema.totals.c.experiment).distinct()).scalars().all()
        names = sorted({*names, *connection.execute(select(schema.shadow_totals.c.experiment).distinct()).scalars()})
    for name in names:
        rows = schema.predictions.c
        yield from _chunks(writing, schema.predictions, and_(rows.experiment == name, rows.at < before))
        yield from _unlabelled_shadows(writing, name, before)
    ended = select(schema.experiments.c.name).where(
        schema.experiments.c.state == "ended", schema.experiments.c.changed_at < before
    )
    yield from _chunks(writing, schema.exposures, schema.exposures.c.experiment.in_(ended))


def _chunks(writing: Writing, table: Table, chosen: Any) -> Iterator[int]:
    removed = CHUNK
    while removed == CHUNK:
        with writing() as connection:
            keys = connection.execute(select(*table.primary_key).where(chosen).limit(CHUNK)).all()
            removed = _delete(connection, table, keys)
        yield removed


def _unlabelled_shadows(writing: Writing, name: str, before: float) -> Iterator[int]:
    """Shadows with a label are evidence, and stay; so go on from the last one that was looked at."""
    table, columns = schema.shadows, schema.shadows.c
    labelled = exists().where(schema.feedback.c.prediction_id == columns.prediction_id)
    last: tuple[float, str, str] | None = None
    while True:
        chosen = select(columns.at, columns.prediction_id, columns.arm, labelled.label("labelled")).where(
            columns.experiment == name, columns.at < before
        )
        if last is not None:
            at, id, arm = last
            chosen = chosen.where(
                or_(
                    columns.at > at,
                    and_(columns.at == at, columns.prediction_id > id),
                    and_(columns.at == at, columns.prediction_id == id, columns.arm > arm),
                )
            )
        with writing() as connection:
            found = connection.execute(
                chosen.order_by(columns.at, columns.prediction_id, columns.arm).limit(CHUNK)
            ).all()
            removed = _delete(connection, table, [row[1:3] for row in found if not row.labelled])
        yield removed
        if len(found) < CHUNK:
            return
        last = (found[-1].at, found[-1].prediction_id, found[-1].arm)


def _delete(connection: Connection, table: Table, keys: Iterable[Sequence[Any]]) -> int:
    """Remove the rows of these keys."""
    columns = list(table.primary_key)
    values = [{f"key_{column.name}": value for column, value in zip(columns, key, strict=True)} for key in keys]
    if values:
        connection.execute(
            delete(table).where(*(column == bindparam(f"key_{column.name}") for column in columns)), values
        )
    return len(values)
