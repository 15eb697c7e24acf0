import random

import pytest

from loadtest.numbers.intervals import over_rounds
from loadtest.numbers.result import Measured, Round
from loadtest.search.confirmation import confirmed, give_up, too_slow_alone
from tests.loadtest.rounds import round_of


def measured(quick: int, slow: int) -> Round:
    return round_of({1.0: quick, 30.0: slow})


def rounds_of(*p99s: float, answers: int = 1000) -> list[Round]:
    """Rounds with these p99s in ms: most answers take a third of it."""
    return [round_of({p99 / 3: answers - answers // 50, p99: answers // 50}) for p99 in p99s]


def test_the_published_rate_that_two_of_five_rounds_contradict_is_not_confirmed() -> None:
    assert confirmed(rounds_of(3.4, 56, 50, 3.0, 3.0), 10.1) is None
    assert confirmed(rounds_of(3.4, 3.6, 3.5, 3.0, 3.0), 10.1) is True
    assert confirmed(rounds_of(34, 56, 50, 30, 30), 10.1) is False


@pytest.mark.parametrize("bad", range(5))
@pytest.mark.parametrize("p99", [10.2, 11.0, 50.0, 5000.0])
def test_one_round_that_contradicts_takes_the_confirmation_away(bad: int, p99: float) -> None:
    p99s = [3.0] * 5
    p99s[bad] = p99
    assert confirmed(rounds_of(*p99s, answers=5000), 10.1) is None


def test_however_they_are_drawn_no_confirmed_rate_has_a_round_or_an_interval_above_its_limit() -> None:
    drawn, verdicts = random.Random(6), set()
    for _ in range(100):
        p99s = [
            10 * drawn.lognormvariate(drawn.choice((-1.2, 0.0, 1.2)), drawn.choice((0.02, 0.3, 1.5)))
            for _ in range(drawn.randint(1, 5))
        ]
        verdict = confirmed(rounds_of(*p99s, answers=500), 10.0)
        verdicts.add(verdict)
        if verdict:
            interval = over_rounds(p99s)
            assert interval is not None
            assert max(*p99s, interval.high) <= 10.0 * 1.002  # a histogram's bucket
            assert len(p99s) >= 3
        assert verdict is not False or min(p99s) > 10.0
    assert verdicts == {True, False, None}


def test_rounds_all_below_the_limit_do_not_confirm_it_while_their_spread_reaches_above() -> None:
    assert confirmed(rounds_of(9.9, 2.0, 4.0), 10.0) is None


def test_two_rounds_or_too_few_answers_or_a_failure_confirm_nothing() -> None:
    assert confirmed(rounds_of(3.0, 3.0), 10.0) is None
    assert confirmed([], 10.0) is None
    assert confirmed(rounds_of(3.0, 3.0, 3.0, answers=499), 10.0) is None
    failed = rounds_of(3.0, 3.0, 3.0)
    failed[1].failures = {"5xx": 1}
    assert confirmed(failed, 10.0) is None


@pytest.mark.parametrize(
    ("before", "now", "rounds_left", "expected"),
    [
        ([], (970, 30), 4, True),
        ([], (985, 15), 4, True),
        ([], (990, 10), 4, False),
        ([(1000, 0)] * 2, (970, 30), 2, False),
        ([(1000, 0)], (950, 50), 3, True),
        ([], (970, 30), 0, False),
        ([], (50, 40), 4, False),
    ],
)
def test_a_rate_is_given_up_when_a_round_contradicts_it_and_enough_are_left_for_a_lower_one(
    before: list[tuple[int, int]], now: tuple[int, int], rounds_left: int, expected: bool
) -> None:
    state = Measured(rate=100.0, rounds=[measured(*one) for one in before])
    assert give_up(state, measured(*now), 10.0, rounds_left) is expected
    if expected:
        share = sum(slow for _, slow in [*before, now]) / sum(sum(one) for one in [*before, now])
        assert (state.rate, state.rounds) == (80.0, [])
        assert [one.model_dump() for one in state.given_up] == [
            {"rate": 100.0, "rounds": len(before) + 1, "share_above_limit": round(share, 5)}
        ]
    else:
        assert (state.rate, len(state.rounds), state.given_up) == (100.0, len(before), [])


def test_no_rate_keeps_a_limit_that_one_request_after_another_breaks() -> None:
    slow, edge, quick, few = measured(900, 100), measured(990, 10), measured(1000, 0), measured(10, 10)
    assert too_slow_alone([slow] * 3, 10.0) == pytest.approx(30.0, rel=0.01)
    assert too_slow_alone([slow, slow, edge], 10.0) is None  # not each of them
    assert too_slow_alone([slow] * 2, 10.0) is None  # too few rounds
    assert too_slow_alone([quick] * 3, 10.0) is None
    assert too_slow_alone([few] * 3, 10.0) is None
    assert too_slow_alone([], 10.0) is None
