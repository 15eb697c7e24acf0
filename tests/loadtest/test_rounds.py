import random

import pytest

from loadtest.rounds import over_rounds


def test_the_mean_and_the_interval_come_from_the_rounds_alone() -> None:
    same = over_rounds([2.0, 2.0, 2.0])
    assert same is not None
    assert (same.value, same.low, same.high) == pytest.approx((2.0, 2.0, 2.0))
    wide = over_rounds([3.4, 56.0, 50.0, 3.0, 3.0])
    assert wide is not None
    assert wide.low < 3.0 < wide.value < 50.0 < wide.high


def test_one_round_or_a_zero_has_no_interval() -> None:
    assert over_rounds([]) is None
    assert over_rounds([2.0]) is None
    assert over_rounds([2.0, 0.0]) is None


def test_it_covers_the_truth_about_as_often_as_it_says_although_answers_of_a_round_are_alike() -> None:
    drawn = random.Random(4)
    held = 0
    for _ in range(500):
        found = over_rounds([10 * drawn.lognormvariate(0, 0.2) for _ in range(5)])
        assert found is not None
        held += found.low <= 10 <= found.high
    assert 0.92 <= held / 500 <= 0.98
