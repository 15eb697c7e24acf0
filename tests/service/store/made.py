"""Rows as they come, with what a test is not about filled in, and the sums that they must have."""

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import select

from service.store import schema
from service.store.rows import Served, Shadow, Truth
from service.store.store import Store

AT = 1_800_000_000.0


def served(number: int, **other: Any) -> Served:
    row = Served(
        id=f"p{number}",
        experiment="trial",
        revision=1,
        arm="teacher",
        version="abc",
        unit=f"{number:016x}",
        at=AT + number,
        label="refund",
        score=0.75,
        ms=4.0,
        status=200,
    )
    return row._replace(**other)


def shadow(number: int, **other: Any) -> Shadow:
    row = Shadow(
        prediction_id=f"p{number}",
        experiment="trial",
        revision=1,
        served="teacher",
        served_label="refund",
        served_score=0.75,
        served_ms=4.0,
        arm="nano",
        version="def",
        label="refund",
        score=0.5,
        ms=2.0,
        at=AT + number,
    )
    return row._replace(**other)


def truth(number: int, **other: Any) -> Truth:
    row = Truth(
        prediction_id=f"p{number}",
        experiment="trial",
        revision=1,
        arm="teacher",
        label="refund",
        truth="refund",
        metric=None,
        at=AT + number + 60,
        served_at=AT + number,
    )
    return row._replace(**other)


def kept(store: Store, table: str) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(schema.metadata.tables[table])).mappings()]


Sums = dict[tuple[Any, ...], dict[str, float]]


def summed(store: Store, name: str = "trial") -> tuple[Sums, Sums]:
    """What the store says in all."""
    totals = {
        (row.revision, row.arm): {key: value for key, value in row._asdict().items() if value}
        for row in store.totals(name)
    }
    pairs = {
        (row.revision, row.served, row.arm): {key: value for key, value in row._asdict().items() if value}
        for row in store.shadow_totals(name)
    }
    return _sums_alone(totals), _sums_alone(pairs)


def recounted(store: Store, name: str = "trial") -> tuple[Sums, Sums]:
    """The same, from the rows."""
    totals: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in kept(store, "predictions"):
        if row["override"] or row["experiment"] != name:
            continue
        sums = totals[row["revision"], row["arm"]]
        sums["predictions"] += 1
        sums["units"] += row["first"] and not row["unit"]
        sums["requests"] += row["first"]
        failed = row["status"] == 429 or row["status"] >= 500
        sums["errors"] += row["first"] and failed
        if row["first"] and not failed:
            sums["ms"] += row["ms"]
            sums["ms_squared"] += row["ms"] ** 2
    for row in kept(store, "exposures"):
        if row["experiment"] == name:
            totals[row["revision"], row["arm"]]["units"] += 1
    for row in kept(store, "feedback"):
        if row["override"] or row["experiment"] != name:
            continue
        sums = totals[row["revision"], row["arm"]]
        sums["labels"] += 1
        sums["right"] += row["label"] == row["truth"]
        if row["metric"] is not None:
            sums["metrics"] += 1
            sums["metric"] += row["metric"]
            sums["metric_squared"] += row["metric"] ** 2
    pairs: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in kept(store, "shadows"):
        if row["experiment"] == name:
            pairs[row["revision"], row["served"], row["arm"]]["pairs"] += 1
            pairs[row["revision"], row["served"], row["arm"]]["ms"] += row["ms"]
    return _sums_alone(totals), _sums_alone(pairs)


def _sums_alone(found: Any) -> Sums:
    keys = {"revision", "arm", "served", "minute"}
    return {
        key: {name: value for name, value in sums.items() if value and name not in keys} for key, sums in found.items()
    }
