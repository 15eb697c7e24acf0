"""All that is kept of an experiment as flat rows, page by page."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from service.store import schema

PAGE = 1000  # predictions that are held at a time
FROM_FEEDBACK = {"truth": "truth", "right": "right", "metric": "metric", "labelled_at": "at"}
FROM_SHADOW = ("label", "score", "ms")
Reading = Callable[[], AbstractContextManager[Connection]]


def rows(reading: Reading, name: str) -> Iterator[dict[str, Any]]:
    """Yield a prediction with its text, feedback and every arm's shadow; all rows have the same keys. Each page is a
    transaction of its own, so that a slow reader holds up nobody.
    """
    with reading() as connection:
        pairs = schema.shadow_totals.c
        arms = sorted(connection.execute(select(pairs.arm).distinct().where(pairs.experiment == name)).scalars())
    table = schema.predictions
    last: tuple[float, str] | None = None
    while True:
        chosen = select(table).where(table.c.experiment == name)
        if last is not None:
            at, id = last
            chosen = chosen.where(table.c.at >= at, or_(table.c.at > at, and_(table.c.at == at, table.c.id > id)))
        with reading() as connection:
            page = [
                dict(row) for row in connection.execute(chosen.order_by(table.c.at, table.c.id).limit(PAGE)).mappings()
            ]
            _join(connection, page, arms)
        yield from page
        if len(page) < PAGE:
            return
        last = (page[-1]["at"], page[-1]["id"])


def _join(connection: Connection, page: list[dict[str, Any]], arms: list[str]) -> None:
    for row in page:
        row["text"] = None
        row.update(dict.fromkeys(FROM_FEEDBACK))
        row.update(dict.fromkeys(f"shadow_{arm}_{column}" for arm in arms for column in FROM_SHADOW))
    by_id = {row["id"]: row for row in page}
    texts, feedback, shadows = schema.texts, schema.feedback, schema.shadows
    ids = list(by_id)
    for found in connection.execute(select(texts).where(texts.c.prediction_id.in_(ids))).mappings():
        by_id[found["prediction_id"]]["text"] = found["text"]
    for found in connection.execute(select(feedback).where(feedback.c.prediction_id.in_(ids))).mappings():
        by_id[found["prediction_id"]].update({name: found[column] for name, column in FROM_FEEDBACK.items()})
    for found in connection.execute(select(shadows).where(shadows.c.prediction_id.in_(ids))).mappings():
        row = by_id[found["prediction_id"]]
        # An arm whose first shadow came after the export began is left out: all rows have the same keys.
        row.update({key: found[column] for column in FROM_SHADOW if (key := f"shadow_{found['arm']}_{column}") in row})
