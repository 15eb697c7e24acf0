import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.factor import factor


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=1, max_size=30))
def test_the_median_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    slow, fast = zip(*pairs, strict=True)
    found = factor(slow, fast)
    assert found.low <= found.value <= found.high
    assert found.level >= 0.95 or (found.low, found.high) == (min(a / b for a, b in pairs), max(a / b for a, b in pairs))


@pytest.mark.parametrize(("rounds", "cut", "level"), [(5, 0, 0.9375), (6, 0, 0.96875), (9, 1, 0.9609375), (25, 7, 0.9567)])
def test_the_interval_has_its_textbook_ranks(rounds: int, cut: int, level: float) -> None:
    found = factor([float(number) for number in range(1, rounds + 1)], [1.0] * rounds)
    assert (found.low, found.high) == (1 + cut, rounds - cut)
    assert found.level == pytest.approx(level, abs=1e-4)


def test_one_is_held_at_the_decimals_that_are_printed() -> None:
    assert factor([1.004, 1.004, 1.006], [1, 1, 1]).holds_one
    assert not factor([1.006, 1.007, 1.008], [1, 1, 1]).holds_one


def test_no_round_contradicts_what_is_claimed() -> None:
    nine = [1.2, 1.3, 1.1, 1.2, 1.4, 1.2, 1.3, 1.1, 0.9]
    found = factor(nine, [1.0] * 9)
    assert found.low > 1 > found.least == 0.9
    assert found.contradicted
    assert factor([1 / ratio for ratio in nine], [1.0] * 9).contradicted
    assert not factor([1.2] * 9, [1.0] * 9).contradicted
    assert not factor([1.2, 1.3, 1.1, 1.2, 0.9], [1.0] * 5).contradicted, "the interval of five rounds holds all of them"
