"""What a report asks: sums and labels, never a scan of predictions."""

from array import array
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, and_, func, select

from service.store import schema


class Total(NamedTuple):
    """Sums of an arm up to a minute. Milliseconds are those of requests that did not fail; units are counted when
    they are first seen; metrics, of labels that came with a number.
    """

    revision: int
    arm: str
    minute: int
    requests: int
    errors: int
    units: int
    predictions: int
    ms: float
    ms_squared: float
    labels: int
    right: int
    metrics: int
    metric: float
    metric_squared: float


class ShadowTotal(NamedTuple):
    """Sums of the pairs that an arm which answered and an arm unseen make, up to a minute."""

    revision: int
    served: str
    arm: str
    minute: int
    pairs: int
    differing: int
    served_ms: float
    served_ms_squared: float
    ms: float
    ms_squared: float
    ms_product: float


class PairCount(NamedTuple):
    """How many labelled pairs of a minute had these two outcomes."""

    revision: int
    minute: int
    served: str
    arm: str
    served_right: bool
    arm_right: bool
    n: int


class Labels(NamedTuple):
    """Labels in the order of their commits, one entry each; a metric that was not sent is NaN."""

    revision: "array[int]"
    arm: list[str]
    right: "array[int]"
    metric: "array[float]"
    at: "array[float]"


def totals(connection: Connection, name: str, since: int, buckets: int) -> list[Total]:
    """Return the sums of an experiment's arms, in up to so many spans of time."""
    return [Total(*row) for row in _spans(connection, schema.totals, name, since, buckets)]


def shadow_totals(connection: Connection, name: str, since: int, buckets: int) -> list[ShadowTotal]:
    """Return the sums of an experiment's shadow pairs, in up to so many spans of time."""
    return [ShadowTotal(*row) for row in _spans(connection, schema.shadow_totals, name, since, buckets)]


def pairs(connection: Connection, name: str, since: int) -> list[PairCount]:
    """Join labels with the shadows of the same answer: either may have come first."""
    label, shadow = schema.feedback.c, schema.shadows.c
    keys = (label.revision, label.minute, label.arm, shadow.arm, label.right, shadow.label == label.truth)
    joined = schema.feedback.join(schema.shadows, shadow.prediction_id == label.prediction_id)
    counted = (
        select(*keys, func.count())
        .select_from(joined)
        .where(label.experiment == name, label.revision >= since, label.override.is_(False))
        .group_by(*keys)
        .order_by(*keys[:4])
    )
    return [
        PairCount(revision, minute, served, arm, bool(served_right), bool(arm_right), n)
        for revision, minute, served, arm, served_right, arm_right, n in connection.execute(counted)
    ]


def outcomes(connection: Connection, name: str, since: int) -> Labels:
    """Return labels in the order of their commits."""
    label = schema.feedback.c
    chosen = (
        select(label.revision, label.arm, label.right, label.metric, label.at)
        .where(label.experiment == name, label.revision >= since, label.override.is_(False))
        .order_by(label.number)
    )
    found = Labels(array("l"), [], array("b"), array("d"), array("d"))
    names: dict[str, str] = {}  # one object for each arm's name, however many labels there are
    for revision, arm, right, metric, at in connection.execute(chosen):
        found.revision.append(revision)
        found.arm.append(names.setdefault(arm, arm))
        found.right.append(right)
        found.metric.append(float("nan") if metric is None else metric)
        found.at.append(at)
    return found


def _spans(connection: Connection, table: Table, name: str, since: int, buckets: int) -> list[Any]:
    minute = table.c.minute
    chosen = and_(table.c.experiment == name, table.c.revision >= since)
    first, last = connection.execute(select(func.min(minute), func.max(minute)).where(chosen)).one()
    if first is None:
        return []
    width = (last - first) // buckets + 1
    span = (minute - first) // width
    keys = [column for column in table.primary_key if column.name not in ("experiment", "minute")]
    sums = [func.sum(column).label(column.name) for column in table.columns if not column.primary_key]
    rows = connection.execute(
        select(*keys, span.label("span"), *sums).where(chosen).group_by(*keys, span).order_by(*keys, span)
    )
    place = len(keys)
    whole = [column.type.python_type is int for column in table.columns if not column.primary_key]
    return [
        (
            *row[:place],
            min(first + (int(row[place]) + 1) * width - 1, last),
            *(int(value) if as_int else float(value) for value, as_int in zip(row[place + 1 :], whole, strict=True)),
        )
        for row in rows
    ]
