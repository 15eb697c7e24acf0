import random

import pytest

from loadtest.numbers.intervals import holm, over_rounds, paired_ratio, speed_ratio, unpaired_ratio


def test_rounds_that_agree_give_the_ratio_with_no_width() -> None:
    ratio = speed_ratio([4.0, 8.0, 2.0], [2.0, 4.0, 1.0])
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_turning_the_question_round_turns_the_interval_round() -> None:
    one, other = [4.0, 4.2, 3.9, 4.4], [1.9, 2.2, 2.0, 2.1]
    there, back = speed_ratio(one, other), speed_ratio(other, one)
    assert there is not None
    assert back is not None
    assert (1 / back.value, 1 / back.high, 1 / back.low) == pytest.approx((there.value, there.low, there.high))
    assert there.low < there.value < there.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    drawn = random.Random(3)
    held = 0
    for _ in range(400):
        ratio = speed_ratio(
            [drawn.lognormvariate(0, 0.1) for _ in range(5)], [drawn.lognormvariate(0, 0.1) for _ in range(5)]
        )
        assert ratio is not None
        held += ratio.low <= 1.0 <= ratio.high
    assert 0.92 <= held / 400 <= 0.98


def test_one_round_has_no_interval() -> None:
    assert speed_ratio([2.0], [1.0]) is None
    assert speed_ratio([], []) is None


def test_chance_alone_is_seldom_significant_and_a_difference_is() -> None:
    drawn = random.Random(5)
    significant = 0
    for _ in range(400):
        found = unpaired_ratio(
            [drawn.lognormvariate(0, 0.1) for _ in range(5)], [drawn.lognormvariate(0, 0.2) for _ in range(6)]
        )
        assert found is not None
        significant += found[1] < 0.05
    assert 0.02 <= significant / 400 <= 0.08
    found = unpaired_ratio([1.0, 1.02, 0.98], [2.0, 2.02, 1.98])
    assert found is not None
    assert found[0].value == pytest.approx(0.5, rel=0.01)
    assert found[1] < 0.001
    assert unpaired_ratio([1.0], [1.0, 2.0]) is None


def test_rounds_without_any_spread_are_compared_too() -> None:
    found = unpaired_ratio([1.0, 1.0], [1.0, 1.0])
    assert found is not None
    assert (found[0].value, found[1]) == (1.0, 1.0)


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


def test_a_mean_covers_the_truth_about_as_often_as_it_says_although_answers_of_a_round_are_alike() -> None:
    drawn = random.Random(4)
    held = 0
    for _ in range(500):
        found = over_rounds([10 * drawn.lognormvariate(0, 0.2) for _ in range(5)])
        assert found is not None
        held += found.low <= 10 <= found.high
    assert 0.92 <= held / 500 <= 0.98


def test_a_paired_test_and_its_interval_say_the_same() -> None:
    drawn = random.Random(6)
    found = [
        paired_ratio([drawn.lognormvariate(0, 0.1) for _ in range(5)], [drawn.lognormvariate(0, 0.1) for _ in range(5)])
        for _ in range(200)
    ]
    for ratio in found:
        assert ratio is not None
        assert (ratio[1] < 0.05) is not (ratio[0].low <= 1 <= ratio[0].high)
    assert paired_ratio([1.0], [2.0]) is None


def test_a_tolerance_is_passed_where_the_whole_interval_is_beyond_it() -> None:
    for scatter in (0.001, 0.01, 0.02, 0.03):
        found = unpaired_ratio([1.0, 1.0 + scatter, 1.0], [1.06, 1.06 + scatter, 1.06], 0.03)
        assert found is not None
        assert (found[1] < 0.05) is (found[0].high < 0.97)


def test_p_values_hold_together() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
