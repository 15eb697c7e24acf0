"""An experiment as flat rows."""

import tracemalloc

import pytest

from service.store import export
from service.store.store import Store
from tests.service.store.made import AT, served, shadow, truth


@pytest.mark.parametrize("count", [0, 1, export.PAGE, export.PAGE + 1])
def test_every_prediction_is_exported_once_in_the_order_of_time(store: Store, count: int) -> None:
    store.write([served(number, at=AT - number // 3) for number in range(count)])
    rows = list(store.export("trial"))
    assert sorted(row["id"] for row in rows) == sorted(f"p{number}" for number in range(count))
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


def test_a_row_holds_its_text_feedback_and_every_shadow(store: Store) -> None:
    store.write(
        [served(1, text="hello", expires=9e9), served(2), served(3, experiment="other")],
        [shadow(1, label="other"), shadow(2, arm="int8"), shadow(7)],
        [truth(1, metric=2.0), truth(8)],
    )
    first, second = store.export("trial")
    expected = served(1)._asdict() | {
        "text": "hello",
        "truth": "refund",
        "right": True,
        "metric": 2.0,
        "labelled_at": AT + 61,
        "shadow_nano_label": "other",
        "shadow_nano_score": 0.5,
        "shadow_nano_ms": 2.0,
        "shadow_int8_label": None,
        "shadow_int8_score": None,
        "shadow_int8_ms": None,
    }
    del expected["expires"]
    assert first == expected
    assert (second["text"], second["truth"], second["shadow_nano_label"]) == (None, None, None)
    assert second["shadow_int8_label"] == "refund"
    assert second.keys() == first.keys()


def test_memory_does_not_grow_with_the_rows(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 100)

    def peak(count: int) -> int:
        for start in range(0, count, 100):
            sqlite_store.write([served(number) for number in range(start, start + 100)])
        tracemalloc.start()
        assert sum(1 for _ in sqlite_store.export("trial")) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)
    few = peak(3 * export.PAGE)
    assert peak(30 * export.PAGE) < 3 * few


def test_rows_that_come_meanwhile_break_nothing(store: Store) -> None:
    store.write([served(number) for number in range(export.PAGE + 5)], [shadow(1)])
    rows = store.export("trial")
    keys = next(rows).keys()
    store.write([served(9_000_000)], [shadow(export.PAGE + 1, arm="late")])
    rest = list(rows)
    assert len(rest) == export.PAGE + 5
    assert all(row.keys() == keys for row in rest)
