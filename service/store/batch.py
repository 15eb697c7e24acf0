"""Writing a batch of rows in one transaction, with the sums that they change.

Every insert leaves what is there, and tells what was new: only that is counted. So a batch may be written again when it
is not known whether its commit went through, and two processes may write the same row. All of them take tables and keys
in the same order (sums last), so that they wait for each other and never in a circle.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import attrgetter, itemgetter, mul
from typing import Any

import orjson
from sqlalchemy import Connection, Table, bindparam, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from service.store import schema
from service.store.rows import Outcome, Served, Shadow, Truth, has_failed

LABELS_LOCK = 4_270_014
SECONDS = 60.0  # of a minute
Row = tuple[Any, ...]
Sums = dict[tuple[Any, ...], dict[str, float]]
PREDICTION = tuple(column.name for column in schema.predictions.columns)
SHADOW = tuple(column.name for column in schema.shadows.columns)
TEXT = tuple(column.name for column in schema.texts.columns)
EXPOSURE = tuple(column.name for column in schema.exposures.columns)
EXPOSE = """
INSERT INTO exposures (experiment, revision, unit, arm) SELECT ?1, ?2, value, ?3 FROM json_each(?4) WHERE true
ON CONFLICT DO NOTHING RETURNING unit
"""
FEEDBACK = (*Truth._fields, "right", "minute")


def write(
    connection: Connection, served: Sequence[Served], shadows: Sequence[Shadow], truths: Sequence[Truth]
) -> list[Outcome]:
    """Write these rows and add what is new to the sums; return what came of each truth, in their order."""
    sums, pair_sums = _no_sums(), _no_sums()
    outcomes = _write_truths(connection, truths, sums)
    _write_served(connection, served, sums)
    _write_shadows(connection, shadows, pair_sums)
    _add(connection, schema.totals, sums)
    _add(connection, schema.shadow_totals, pair_sums)
    return outcomes


def insert_for(dialect: str, table: Table) -> Any:
    """Return an INSERT of this dialect, which can say what to do on a conflict."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def _write_served(connection: Connection, served: Sequence[Served], sums: Sums) -> None:
    rows = {row.id: row for row in served}
    values = [rows[id][: len(PREDICTION)] for id in sorted(rows)]
    fresh = [rows[id] for id in _insert(connection, schema.predictions, PREDICTION, values, ("id",))]
    texts = [
        (row.id, row.experiment, row.unit, _storable(row.text), row.expires)
        for row in fresh
        if row.text is not None and row.expires is not None
    ]
    _insert(connection, schema.texts, TEXT, texts, ("prediction_id",))
    counted = [row for row in fresh if not row.override]
    for key, some in _by_sum(counted).items():
        _sum_served(some, sums[key])
    for row in _first_exposures(connection, counted):
        sums[row.experiment, row.revision, row.arm, _minute(row.at)]["units"] += 1


def _by_sum(rows: Iterable[Served]) -> dict[Row, list[Served]]:
    by_sum = defaultdict[Row, list[Served]](list)
    for row in rows:
        by_sum[row.experiment, row.revision, row.arm, _minute(row.at)].append(row)
    return by_sum


def _sum_served(rows: Sequence[Served], sum_: dict[str, float]) -> None:
    requests = [row for row in rows if row.first]
    failures = {status for status in {row.status for row in requests} if has_failed(status)}
    ms = [row.ms for row in requests if row.status not in failures]
    sum_["predictions"] += len(rows)
    sum_["requests"] += len(requests)
    sum_["errors"] += len(requests) - len(ms)
    sum_["ms"] += sum(ms)
    sum_["ms_squared"] += sum(map(mul, ms, ms))


def _write_shadows(connection: Connection, shadows: Sequence[Shadow], sums: Sums) -> None:
    rows = {(row.prediction_id, row.arm): row for row in shadows}
    values = map(attrgetter(*SHADOW), (rows[key] for key in sorted(rows)))
    for key in _insert(connection, schema.shadows, SHADOW, list(values), ("prediction_id", "arm")):
        row = rows[key]
        sum_ = sums[row.experiment, row.revision, row.served, row.arm, _minute(row.at)]
        sum_["pairs"] += 1
        sum_["differing"] += row.label != row.served_label
        sum_["served_ms"] += row.served_ms
        sum_["served_ms_squared"] += row.served_ms * row.served_ms
        sum_["ms"] += row.ms
        sum_["ms_squared"] += row.ms * row.ms
        sum_["ms_product"] += row.ms * row.served_ms


def _write_truths(connection: Connection, truths: Sequence[Truth], sums: Sums) -> list[Outcome]:
    if not truths:
        return []
    if connection.dialect.name == "postgresql":  # numbers in the order of commits: what was read once stays a beginning
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LABELS_LOCK})
    first: dict[str, Truth] = {}
    for truth in truths:
        first.setdefault(truth.prediction_id, truth)
    rows = [(*row, row.label == row.truth, _minute(row.at)) for row in first.values()]
    new = set(_insert(connection, schema.feedback, FEEDBACK, rows, ("prediction_id",)))
    _sum_truths((truth for id, truth in first.items() if id in new), sums)
    held = {id: (truth.truth, truth.metric) for id, truth in first.items() if id in new}
    held |= _held(connection, [id for id in first if id not in new])
    outcomes, met = [], set[str]()
    for truth in truths:
        id = truth.prediction_id
        if id in new and id not in met:
            outcomes.append(Outcome.NEW)
        else:
            same = held[id] == (truth.truth, truth.metric)
            outcomes.append(Outcome.REPEATED if same else Outcome.CONTRADICTS)
        met.add(id)
    return outcomes


def _sum_truths(truths: Iterable[Truth], sums: Sums) -> None:
    for row in truths:
        if row.override:
            continue
        sum_ = sums[row.experiment, row.revision, row.arm, _minute(row.at)]
        sum_["labels"] += 1
        sum_["right"] += row.label == row.truth
        if row.metric is not None:
            sum_["metrics"] += 1
            sum_["metric"] += row.metric
            sum_["metric_squared"] += row.metric * row.metric


def _held(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, float | None]]:
    held: dict[str, tuple[str, float | None]] = {}
    columns = schema.feedback.columns
    for start in range(0, len(ids), 1000):
        chosen = select(columns.prediction_id, columns.truth, columns.metric).where(
            columns.prediction_id.in_(ids[start : start + 1000])
        )
        held |= {id: (truth, metric) for id, truth, metric in connection.execute(chosen)}
    return held


def _first_exposures(connection: Connection, rows: Sequence[Served]) -> list[Served]:
    """Return the rows that show a unit its arm for the first time in this revision."""
    alone = [row for row in rows if not row.unit and row.first]
    first = {(row.experiment, row.revision, row.unit): row for row in reversed(rows) if row.unit}
    values = [(*key, first[key].arm) for key in sorted(first)]
    if connection.dialect.name == "postgresql":
        new = _insert(connection, schema.exposures, EXPOSURE, values, ("experiment", "revision", "unit"))
    else:
        new = list(_expose(connection, values))
    return alone + [first[key] for key in new]


def _expose(connection: Connection, rows: Sequence[Row]) -> Iterator[Row]:
    """Insert exposures, of which most are there already, and yield the keys of what was new: for SQLite in one
    statement an arm, which looks each unit up once.
    """
    units = defaultdict[Row, list[str]](list)
    for experiment, revision, unit, arm in rows:
        units[experiment, revision, arm].append(unit)
    for (experiment, revision, arm), some in units.items():
        given = (experiment, revision, arm, orjson.dumps(some).decode())
        for unit in connection.exec_driver_sql(EXPOSE, given).scalars():
            yield experiment, revision, unit


def _insert(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    rows: list[Row],
    key: tuple[str, ...],
) -> list[Any]:
    """Insert what is not there yet, by a key that tells rows apart, and return the keys of what was new: tuples, or of
    a key that is one column its values. Mostly all of them are, and that is tried first.
    """
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        insert = _from_arrays(table, names).returning(*(table.columns[name] for name in key))
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        returned = connection.execute(insert, columns)
        return list(returned.scalars() if len(key) == 1 else map(tuple, returned))
    key_of = itemgetter(*map(names.index, key))
    connection.exec_driver_sql("SAVEPOINT untried")
    try:
        connection.exec_driver_sql(_of_values(table, names), rows)
    except IntegrityError:  # after any other error SQLite may have given up the transaction, savepoint and all
        connection.exec_driver_sql("ROLLBACK TO untried")
    else:
        return list(map(key_of, rows))
    keys = list(map(key_of, rows))
    given = orjson.dumps([[one] for one in keys] if len(key) == 1 else keys).decode()
    held = set(connection.exec_driver_sql(_held_places(table, key), (given,)).scalars().all())
    new = [place for place in range(len(rows)) if place not in held]
    if new:
        connection.exec_driver_sql(_of_values(table, names), [rows[place] for place in new])
    return [keys[place] for place in new]


@cache
def _held_places(table: Table, key: tuple[str, ...]) -> str:
    """Ask which of these keys, by their places, are there already. That is safe in SQLite, whose transactions write one
    at a time; rows that need return nothing go in as they are, where SQLAlchemy would write a statement of all their
    values.
    """
    same = " AND ".join(f"held.{name} = json_extract(given.value, '$[{place}]')" for place, name in enumerate(key))
    return f"SELECT given.key FROM json_each(?) AS given CROSS JOIN {table.name} AS held ON {same}"


@cache
def _of_values(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)  # one of them is called right
    return f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join('?' * len(names))})"


@cache
def _from_arrays(table: Table, names: tuple[str, ...]) -> postgresql.Insert:
    """An array a column, where psycopg would look for a placeholder for each of 17,000 values: four times as fast."""
    arrays = [bindparam(name, type_=postgresql.ARRAY(table.columns[name].type)) for name in names]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return postgresql.insert(table).from_select(names, select(*rows.columns)).on_conflict_do_nothing()


def _add(connection: Connection, table: Table, sums: Sums) -> None:
    """Add sums to their minutes."""
    if not sums:
        return
    keys = [column.name for column in table.primary_key]
    added = [column.name for column in table.columns if not column.primary_key]
    rows = [
        dict(zip(keys, key, strict=True)) | {name: sums[key].get(name, 0) for name in added} for key in sorted(sums)
    ]
    connection.execute(_addition(connection.dialect.name, table, tuple(keys), tuple(added)), rows)


@cache
def _addition(dialect: str, table: Table, keys: tuple[str, ...], added: tuple[str, ...]) -> Any:
    """Made once: to make it anew takes as long as to write a hundred rows."""
    insert = insert_for(dialect, table)
    sums = {name: table.columns[name] + insert.excluded[name] for name in added}
    return insert.on_conflict_do_update(index_elements=keys, set_=sums)


def _no_sums() -> Sums:
    return defaultdict(lambda: defaultdict(float))


def _minute(at: float) -> int:
    return int(at // SECONDS)


def _storable(given: str) -> str:
    """Return a text without what PostgreSQL, or UTF-8, has no place for."""
    return given.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
