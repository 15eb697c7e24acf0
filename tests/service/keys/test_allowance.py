"""The leaky bucket, on a clock of the test's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.keys.allowance import Allowance
from service.keys.buckets import Buckets
from service.keys.entries import digest


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def test_a_burst_at_once_and_then_the_rate() -> None:
    clock = Clock()
    allowance = Allowance(10, 5, clock=clock)
    assert [allowance.take(1) for _ in range(5)] == [0.0] * 5
    assert allowance.take(1) == pytest.approx(0.1)
    clock.now += 0.1
    assert allowance.take(1) == 0.0
    assert allowance.take(3) == pytest.approx(0.3)
    clock.now += 1000  # a pause gives a burst and no more
    assert [allowance.take(5), allowance.take(1)] == [0.0, pytest.approx(0.1)]


def test_at_another_rate_nothing_is_owed_that_no_request_of_its_own_could_owe() -> None:
    """As where the keys are changed for a caller who is kept waiting: the place in memory stays."""
    clock, until = Clock(), memoryview(bytearray(8)).cast("d")
    slow = Allowance(1, 10, until, clock)
    assert slow.take(1) == slow.take(4095, 1) == 0.0
    clock.now += 5
    assert slow.take(1) > 4000
    fast = Allowance(1000, 2000, until, clock)
    assert fast.take(1) < 4.2
    clock.now += 4.2
    assert fast.take(1) == 0.0


def test_what_is_more_than_the_burst_is_had_after_a_pause_and_paid_for_afterwards() -> None:
    clock = Clock()
    allowance = Allowance(10, 5, clock=clock)
    assert allowance.take(1) == allowance.take(99, 1) == 0.0
    assert allowance.take(1) == pytest.approx(9.6)  # a hundred at ten a second, less four fifths of a burst


def test_what_is_given_back_was_never_taken() -> None:
    clock = Clock()
    allowance = Allowance(10, 2, clock=clock)
    allowance.take(1)
    allowance.take(1)
    allowance.give_back(1)
    assert allowance.take(1) == 0.0 and allowance.take(1) > 0


def test_the_workers_of_a_service_share_it_and_keys_do_not(tmp_path: Path) -> None:
    clock = Clock()

    def allowance(key: str) -> Allowance:
        return Allowance(1, 3, Buckets(tmp_path).of([digest(key)])[0], clock)

    one, other, another = (allowance(key) for key in ("a", "a", "b"))
    assert [one.take(1), other.take(1), one.take(1)] == [0.0] * 3
    assert other.take(1) > 0 and one.take(1) > 0
    assert another.take(3) == 0.0
    # One that starts anew, or reads the file anew with other limits, goes on where the others are.
    assert allowance("a").take(1) > 0


@given(
    st.floats(0.1, 1e4),
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 2)), max_size=200),
)
def test_never_more_than_the_rate_and_one_burst_and_one_request(
    rate: float, burst: int, asked: list[tuple[int, float]]
) -> None:
    clock = Clock()
    allowance = Allowance(rate, burst, clock=clock)
    began, taken = clock.now, 0
    for texts, pause in asked:
        wait = allowance.take(texts)
        if wait:
            clock.now += wait
            assert allowance.take(texts) == 0.0  # as it was promised
        taken += texts
        assert taken <= burst + rate * (clock.now - began) + texts + 1e-3 * rate
        clock.now += pause
