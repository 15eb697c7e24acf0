import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prove.statistics import Labels, tango
from models.report.groups import by_length, drops_by_group, length_buckets, worst

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60
)


@given(ROWS)
def test_the_groups_make_up_the_whole(rows: list[tuple[str, int, int, int]]) -> None:
    groups = [row[0] for row in rows]
    gold, teacher, variant = (np.array([row[place] for row in rows], dtype=np.int64) for place in (1, 2, 3))
    made = drops_by_group(groups, gold, teacher, variant, alpha=0.05)
    assert sum(delta.rows for delta in made) == len(rows)
    assert sum(delta.rows * delta.drop for delta in made) == pytest.approx(
        (teacher == gold).sum() - (variant == gold).sum()
    )
    for delta in made:
        assert delta.low <= delta.drop <= delta.high
        assert delta.drop == pytest.approx(delta.teacher - delta.variant)
        assert 0 <= delta.holm_p <= 1


def test_a_group_is_judged_by_its_own_rows() -> None:
    gold: Labels = np.zeros(40, dtype=np.int64)
    variant = gold.copy()
    variant[:6] = 1  # all of them in the first group
    first, second = drops_by_group(["a"] * 20 + ["b"] * 20, gold, gold, variant, alpha=0.1)
    assert (first.drop, first.variant, second.drop) == (0.3, 0.7, 0.0)
    assert (first.low, first.high) == tango(6, 0, 20, 0.1)
    assert first.holm_p == pytest.approx(2 * 2 / 2**6)  # two groups


def test_the_worst_are_those_that_lost_in_order() -> None:
    gold: Labels = np.zeros(12, dtype=np.int64)
    teacher, variant = gold.copy(), gold.copy()
    variant[[0, 4, 5]] = 1
    teacher[8:10] = 1
    made = drops_by_group([*"aaaabbbbcccc"], gold, teacher, variant, alpha=0.05)
    assert [delta.group for delta in worst(made, 5)] == ["b", "a"]  # c won
    assert [delta.group for delta in worst(made, 1)] == ["b"]


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_every_length_lies_in_its_range_and_the_ranges_are_in_order(words: list[int]) -> None:
    buckets = length_buckets(["word " * number for number in words])
    for number, bucket in zip(words, buckets, strict=True):
        low, high = map(int, bucket.split("–"))
        assert low <= number <= high
        assert high == 4 or high == 2 * (low - 1)
    rows: Labels = np.zeros(len(words), dtype=np.int64)
    starts = [
        int(delta.group.split("–")[0]) for delta in by_length(drops_by_group(buckets, rows, rows, rows, alpha=0.05))
    ]
    assert starts == sorted(set(starts))
