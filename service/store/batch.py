"""Writing a batch of rows in one transaction, with the sums that they change.

Every insert leaves what is there, and tells what was new: only that is counted. So a batch may be written again when it
is not known whether its commit went through, and two processes may write the same row. All of them take tables and keys
in the same order (sums last), so that they wait for each other and never in a circle.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table, select, text
from sqlalchemy.dialects import postgresql, sqlite

from service.store import schema
from service.store.rows import Outcome, Served, Shadow, Truth

LABELS_LOCK = 4_270_014
SECONDS = 60.0  # of a minute
Row = dict[str, Any]
Sums = dict[tuple[Any, ...], dict[str, float]]
PREDICTION = tuple(column.name for column in schema.predictions.columns)
SHADOW = tuple(column.name for column in schema.shadows.columns)
TEXT = tuple(column.name for column in schema.texts.columns)


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


def insert_for(connection: Connection, table: Table) -> Any:
    """Return an INSERT of this dialect, which can say what to do on a conflict."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _write_served(connection: Connection, served: Sequence[Served], sums: Sums) -> None:
    rows = {row.id: row for row in served}
    new = _insert(connection, schema.predictions, [_values(rows[id], PREDICTION) for id in sorted(rows)], ("id",))
    fresh = [rows[id] for (id,) in new]
    texts = [
        {
            "prediction_id": row.id,
            "experiment": row.experiment,
            "unit": row.unit,
            "text": _storable(row.text),
            "expires": row.expires,
        }
        for row in fresh
        if row.text is not None and row.expires is not None
    ]
    _insert(connection, schema.texts, texts)
    counted = [row for row in fresh if not row.override]
    for row in counted:
        sum_ = sums[row.experiment, row.revision, row.arm, _minute(row.at)]
        sum_["predictions"] += 1
        if row.first:
            sum_["requests"] += 1
            sum_["errors"] += row.failed
            if not row.failed:
                sum_["ms"] += row.ms
                sum_["ms_squared"] += row.ms * row.ms
    for row in _first_exposures(connection, counted):
        sums[row.experiment, row.revision, row.arm, _minute(row.at)]["units"] += 1


def _write_shadows(connection: Connection, shadows: Sequence[Shadow], sums: Sums) -> None:
    rows = {(row.prediction_id, row.arm): row for row in shadows}
    values = [_values(rows[key], SHADOW) for key in sorted(rows)]
    for key in _insert(connection, schema.shadows, values, ("prediction_id", "arm")):
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
    rows = [row._asdict() | {"right": row.label == row.truth, "minute": _minute(row.at)} for row in first.values()]
    new = {id for (id,) in _insert(connection, schema.feedback, rows, ("prediction_id",))}
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


def _first_exposures(connection: Connection, rows: Iterable[Served]) -> list[Served]:
    """Return the rows that show a unit its arm for the first time in this revision."""
    alone = [row for row in rows if not row.unit and row.first]
    first: dict[tuple[str, int, str], Served] = {}
    for row in rows:
        if row.unit:
            first.setdefault((row.experiment, row.revision, row.unit), row)
    values = [
        {"experiment": key[0], "revision": key[1], "unit": key[2], "arm": first[key].arm} for key in sorted(first)
    ]
    new = _insert(connection, schema.exposures, values, ("experiment", "revision", "unit"))
    return alone + [first[key] for key in new]


def _insert(
    connection: Connection, table: Table, rows: list[Row], returned: tuple[str, ...] = ()
) -> list[tuple[Any, ...]]:
    """Insert what is not there yet, and return these columns of what was new."""
    if not rows:
        return []
    insert: Insert = insert_for(connection, table).on_conflict_do_nothing()
    if not returned:
        connection.execute(insert, rows)
        return []
    result = connection.execute(insert.returning(*(table.columns[name] for name in returned)), rows)
    return [tuple(row) for row in result]


def _add(connection: Connection, table: Table, sums: Sums) -> None:
    """Add sums to their minutes."""
    if not sums:
        return
    keys = [column.name for column in table.primary_key]
    added = [column.name for column in table.columns if not column.primary_key]
    rows = [
        dict(zip(keys, key, strict=True)) | {name: sums[key].get(name, 0) for name in added} for key in sorted(sums)
    ]
    insert = insert_for(connection, table)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=keys, set_={name: table.columns[name] + insert.excluded[name] for name in added}
        ),
        rows,
    )


def _values(row: Served | Shadow, names: tuple[str, ...]) -> Row:
    values = row._asdict()
    return {name: values[name] for name in names}


def _no_sums() -> Sums:
    return defaultdict(lambda: defaultdict(float))


def _minute(at: float) -> int:
    return int(at // SECONDS)


def _storable(given: str) -> str:
    """Return a text without what PostgreSQL, or UTF-8, has no place for."""
    return given.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
