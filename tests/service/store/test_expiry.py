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
