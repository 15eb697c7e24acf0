"""Texts and rows go when their time is over; sums, labels and labelled shadows stay."""

import pytest

from service.store import expiry
from service.store.store import Store
from tests.service.store.made import AT, kept, served, shadow, summed, truth

DAY = 86_400.0


def test_a_units_texts_are_removed_and_no_others(store: Store) -> None:
    store.write([served(number, unit=f"u{number % 2}", text="hello", expires=9e9) for number in range(5)])
    store.write([served(9, unit="u0", experiment="other", text="hello", expires=9e9)])
    assert store.delete_unit("trial", "u0") == 3
    assert store.delete_unit("trial", "u0") == 0
    assert {(row["experiment"], row["unit"]) for row in kept(store, "texts")} == {("trial", "u1"), ("other", "u0")}
    assert len(kept(store, "predictions")) == 6


def test_a_text_is_kept_only_with_a_time(store: Store) -> None:
    store.write([served(1, text="hello"), served(2, expires=9e9), served(3)])
    assert kept(store, "texts") == []


@pytest.mark.parametrize("rows", [1, expiry.CHUNK, 2 * expiry.CHUNK + 10])
def test_what_is_old_goes_and_evidence_stays(store: Store, rows: int) -> None:
    store.write([served(number, at=AT, text="hello", expires=AT + DAY) for number in range(rows)])
    store.write([served(-1, at=AT + 5 * DAY, text="hello", expires=AT + 9 * DAY)])
    store.write(
        shadows=[shadow(number, at=AT) for number in range(rows)], truths=[truth(number) for number in (0, 2, 4)]
    )
    before, pairs, labels = summed(store), store.pairs("trial"), repr(store.outcomes("trial"))
    assert store.expire(AT) == 0
    assert store.expire(AT + DAY) == rows
    assert len(kept(store, "predictions")) == rows + 1
    assert store.expire(AT + 6 * DAY, keep_days=3) == rows + len(range(rows)) - len([n for n in (0, 2, 4) if n < rows])
    assert [row["id"] for row in kept(store, "predictions")] == ["p-1"]
    assert len(kept(store, "texts")) == 1
    assert (summed(store), store.pairs("trial"), repr(store.outcomes("trial"))) == (before, pairs, labels)
    assert store.expire(AT + 6 * DAY, keep_days=3) == 0


def test_the_units_of_an_experiment_go_some_time_after_its_end(store: Store) -> None:
    store.write([served(number, at=4e9) for number in range(5)])
    store.save("trial", {}, "running", "created", actor="admin")
    changed = store.experiments()[0].changed_at
    assert store.expire(changed + 10 * DAY, keep_days=9) == 0
    store.save("trial", {}, "ended", "ended", actor="admin")
    changed = store.experiments()[0].changed_at
    assert store.expire(changed + 8 * DAY, keep_days=9) == 0
    assert store.expire(changed + 10 * DAY, keep_days=9) == 5
    assert store.totals("trial")[0].units == 5


def test_texts_go_earlier_where_they_are_to_be_kept_for_less(store: Store) -> None:
    def save(days: float | None) -> None:
        definition = {} if days is None else {"keep_texts_days": days}
        store.save("trial", definition, "running", "changed", actor="test")

    def ends() -> dict[str, float]:
        return {row["prediction_id"]: (row["expires"] - AT) / DAY for row in kept(store, "texts")}

    save(30.0)
    rows = [served(number, at=AT, text="hello", expires=AT + days * DAY) for number, days in ((1, 30), (2, 5), (3, 30))]
    store.write([*rows, served(4, experiment="other", text="hello", expires=AT + 30 * DAY)])
    with store._writing() as connection:
        connection.exec_driver_sql("DELETE FROM predictions WHERE id = 'p3'")  # answers may be kept for less
    save(60.0)
    assert ends() == {"p1": 30, "p2": 5, "p3": 30, "p4": 30}
    save(40.0)
    assert (ends()["p1"], ends()["p2"], ends()["p4"]) == (30, 5, 30)
    save(10.0)
    assert (ends()["p1"], ends()["p2"], ends()["p4"]) == (10, 5, 30)
    assert ends()["p3"] <= 10
    save(None)
    assert store.expire(AT + 1) == 3
    assert ends() == {"p4": 30}
