import pytest

from loadtest.serving.comparison import FIGURES, P50, P99, RATE, control, is_unsure, times_as_good
from tests.loadtest.serving.conftest import figures, stored

POINT = "1x8"


def test_a_ratio_is_formed_within_a_round_whatever_the_rounds_have_in_common() -> None:
    slow = (1.0, 0.5, 0.25, 0.1)  # what the whole machine does in each round
    rounds = [
        {"ours": {POINT: figures(4000 * one, 2 / one)}, "mosec": {POINT: figures(1000 * one, 6 / one)}} for one in slow
    ]
    for figure, wanted in ((RATE, 4.0), (P50, 3.0), (P99, 3.0)):
        found = times_as_good(stored(rounds), "ours", "mosec", POINT, figure)
        assert found is not None
        assert found.interval is not None
        assert (found.value, found.interval.low, found.interval.high) == pytest.approx((wanted, wanted, wanted))
        back = times_as_good(stored(rounds), "mosec", "ours", POINT, figure)
        assert back is not None
        assert back.value == pytest.approx(1 / wanted)


def test_rounds_that_lack_one_of_the_two_are_left_out() -> None:
    both = {"ours": {POINT: figures(200, 1)}, "mosec": {POINT: figures(100, 2)}}
    alone = {"ours": {POINT: figures(9000, 1)}}
    failed = {"ours": {POINT: figures(9000, 1)}, "mosec": {POINT: figures(100, 2, refused=6000)}}
    found = times_as_good(stored([both, alone, failed, both]), "ours", "mosec", POINT, RATE)
    assert found is not None
    assert found.value == pytest.approx(2)
    assert times_as_good(stored([alone, alone]), "ours", "mosec", POINT, RATE) is None
    assert times_as_good(stored([both]), "ours", "mosec", "1x1", RATE) is None


def test_one_round_has_a_ratio_and_no_interval() -> None:
    found = times_as_good(
        stored([{"ours": {POINT: figures(300, 1)}, "noop": {POINT: figures(100, 3)}}]), "ours", "noop", POINT, P50
    )
    assert found is not None
    assert (found.value, found.interval) == (pytest.approx(3), None)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, {RATE, P50, P99}),
        ({"requests": 499}, {RATE, P50}),  # a p99 of four answers beyond it
        ({"requests": 9}, {RATE}),
        ({"refused": 61}, {RATE}),  # above 1 %: refusals are quick
        ({"requests": 500, "refused": 500}, set()),
    ],
)
def test_a_figure_that_too_few_answers_carry_says_nothing(more: dict[str, int], says: set[str]) -> None:
    (round_,) = stored([{"ours": {POINT: figures(1000, 1, **more)}}]).rounds
    assert {name for name, read in FIGURES.items() if read(round_.servers["ours"][POINT]) is not None} == says


def test_a_control_is_sure_only_where_equal_things_come_out_as_equal() -> None:
    def controlled(*factors: float) -> bool:
        rounds = [
            {"ours": {POINT: figures(1000, 1)}, "ours_again": {POINT: figures(1000 * one, 1 / one)}} for one in factors
        ]
        return not is_unsure(control(stored(rounds), POINT, RATE))

    assert controlled(1.01, 0.99, 1.0, 1.02, 0.98)
    assert not controlled(1.05, 1.06, 1.05, 1.06, 1.05)  # without 1
    assert not controlled(1.2, 0.8, 1.3, 0.8, 1.0)  # wide
    assert not controlled(1.0)
    assert not is_unsure(control(stored([{"ours": {POINT: figures(1000, 1)}}]), POINT, RATE))  # there is none
