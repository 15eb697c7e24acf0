"""What is written is counted once, whoever writes it, and sums are what a recount gives."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.store.rows import Outcome, Served, Truth
from service.store.store import Store
from tests.service.store.made import kept, recounted, served, shadow, summed, truth
from tests.service.store.processes import at_once


def test_rows_come_back_as_they_were_given(store: Store) -> None:
    given = served(1, text="where is it\0\ud800?", expires=5.0, first=False, override=True, label=None, score=None)
    store.write([given], [shadow(1)], [truth(1, metric=2.5)])
    (row,) = kept(store, "predictions")
    assert Served(**row, text=given.text, expires=given.expires) == given
    assert (
        tuple(row.items()) == tuple(zip(Served._fields, given, strict=False))[: len(row)]
    )  # the table's columns first
    assert [row["text"] for row in kept(store, "texts")] == ["where is it\N{REPLACEMENT CHARACTER}??"]
    (row,) = kept(store, "shadows")
    assert row.items() <= shadow(1)._asdict().items()
    (row,) = kept(store, "feedback")
    assert Truth(**{name: row[name] for name in Truth._fields}) == truth(1, metric=2.5)


def test_a_batch_that_is_written_again_is_counted_once(store: Store) -> None:
    rows = [served(number, unit=f"{number // 2:016x}", text="hello", expires=9.0) for number in range(6)]
    shadows, truths = [shadow(number) for number in range(6)], [truth(number) for number in range(6)]
    assert store.write(rows, shadows, truths) == [Outcome.NEW] * 6
    before = summed(store)
    assert store.write([*rows, *rows], shadows + shadows, truths) == [Outcome.REPEATED] * 6
    assert (
        summed(store)
        == before
        == (
            {
                (1, "teacher"): {
                    "requests": 6,
                    "units": 3,
                    "predictions": 6,
                    "ms": 24.0,
                    "ms_squared": 96.0,
                    "labels": 6,
                    "right": 6,
                }
            },
            {
                (1, "teacher", "nano"): {
                    "pairs": 6,
                    "served_ms": 24.0,
                    "served_ms_squared": 96.0,
                    "ms": 12.0,
                    "ms_squared": 24.0,
                    "ms_product": 48.0,
                }
            },
        )
    )


def test_the_first_feedback_holds(store: Store) -> None:
    assert store.write(truths=[truth(1)]) == [Outcome.NEW]
    assert store.write(truths=[truth(1), truth(1, truth="other"), truth(1, metric=1.0), truth(1)]) == [
        Outcome.REPEATED,
        Outcome.CONTRADICTS,
        Outcome.CONTRADICTS,
        Outcome.REPEATED,
    ]
    assert store.write(truths=[truth(2, truth="b"), truth(2, truth="b"), truth(2), truth(3)]) == [
        Outcome.NEW,
        Outcome.REPEATED,
        Outcome.CONTRADICTS,
        Outcome.NEW,
    ]
    assert [(row["prediction_id"], row["truth"]) for row in kept(store, "feedback")] == [
        ("p1", "refund"),
        ("p2", "b"),
        ("p3", "refund"),
    ]
    assert summed(store)[0] == {(1, "teacher"): {"labels": 3, "right": 2}}


def test_nothing_is_nothing(store: Store) -> None:
    assert store.write() == []
    assert summed(store) == ({}, {})


def test_requests_are_counted_by_their_first_text_and_failures_have_no_time(store: Store) -> None:
    store.write(
        [
            served(1, unit=""),
            served(2, unit="", first=False),
            served(3, unit="", status=503, ms=9e5),
            served(4, unit="", status=429, ms=9e5),
            served(5, unit="", status=413, ms=9e5),
        ]
    )
    (total,) = store.totals("trial")
    assert (total.requests, total.errors, total.predictions, total.units, total.ms) == (4, 3, 5, 4, 4.0)


def test_a_unit_is_counted_at_its_first_exposure_in_each_revision(store: Store) -> None:
    store.write([served(1, unit="u"), served(2, unit="u"), served(3, unit="v")])
    store.write([served(4, unit="u", at=9e9), served(5, unit="u", revision=2), served(6, unit="u", experiment="other")])
    assert [(row.revision, row.units) for row in store.totals("trial")] == [(1, 2), (2, 1)]
    assert [row.units for row in store.totals("other")] == [1]


def test_what_a_caller_forced_is_kept_and_counted_nowhere(store: Store) -> None:
    store.write([served(1, override=True)], [], [truth(1, override=True)])
    assert (len(kept(store, "predictions")), len(kept(store, "feedback")), len(kept(store, "exposures"))) == (1, 1, 0)
    assert summed(store) == ({}, {})
    store.write([served(2, unit=served(1).unit)])
    assert summed(store)[0][1, "teacher"]["units"] == 1


def test_the_same_feedback_from_two_processes_is_counted_once(store: Store, url: str) -> None:
    truths = [truth(number) for number in range(400)]
    outcomes = at_once(url, [[("truths", truths[start : start + 20]) for start in range(0, 400, 20)]] * 2)
    both = [sorted(pair) for pair in zip(*outcomes, strict=True)]
    assert both == [[Outcome.NEW, Outcome.REPEATED]] * 400
    assert summed(store)[0] == {(1, "teacher"): {"labels": 400, "right": 400}}


def test_processes_that_write_the_same_units_count_each_once(store: Store, url: str) -> None:
    def batches(writer: int) -> list[tuple[str, list[Any]]]:
        rows = [served(1000 * writer + number, unit=f"{number * 7 % 300:016x}") for number in range(600)]
        rows = rows if writer else rows[::-1]
        return [("served", rows[start : start + 60]) for start in range(0, 600, 60)]

    at_once(url, [batches(writer) for writer in range(3)])
    assert summed(store) == recounted(store)
    assert summed(store)[0][1, "teacher"]["units"] == 300
    assert summed(store)[0][1, "teacher"]["requests"] == 1800


numbers = st.integers(0, 12)
arms = st.sampled_from(["teacher", "nano"])
revisions = st.integers(1, 2)
some_served = st.builds(
    lambda number, **other: served(number, unit=f"{number % 4}" if number % 5 else "", **other),
    numbers,
    arm=arms,
    revision=revisions,
    status=st.sampled_from([200, 400, 429, 500]),
    override=st.booleans(),
    first=st.booleans(),
    ms=st.integers(0, 100).map(float),
)
some_shadows = st.builds(shadow, numbers, arm=arms, revision=revisions, ms=st.integers(0, 100).map(float))
some_truths = st.builds(
    truth,
    numbers,
    arm=arms,
    revision=revisions,
    truth=st.sampled_from(["refund", "other"]),
    override=st.booleans(),
    metric=st.none() | st.integers(-3, 3).map(float),
)
batches = st.lists(
    st.tuples(*(st.lists(rows, max_size=8) for rows in (some_served, some_shadows, some_truths))), max_size=4
)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
def test_sums_are_what_a_recount_gives(store: Store, written: list[Any]) -> None:
    with store.engine.connect().execution_options(writes=True) as connection, connection.begin():
        for table in ("predictions", "shadows", "exposures", "feedback", "totals", "shadow_totals"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    held: dict[str, Truth] = {}
    for rows in written:
        for outcome, row in zip(store.write(*rows), rows[2], strict=True):
            first = held.setdefault(row.prediction_id, row)
            same = (first.truth, first.metric) == (row.truth, row.metric)
            assert outcome == (Outcome.NEW if first is row else Outcome.REPEATED if same else Outcome.CONTRADICTS)
    (totals, pairs), (counted, counted_pairs) = summed(store), recounted(store)
    assert totals == counted
    assert {key: {"pairs": sums["pairs"], "ms": sums.get("ms")} for key, sums in pairs.items()} == {
        key: {"pairs": sums["pairs"], "ms": sums.get("ms")} for key, sums in counted_pairs.items()
    }
    assert all(math.isfinite(value) for sums in totals.values() for value in sums.values())
