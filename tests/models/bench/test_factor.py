import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.bench.factor import factor


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=2, max_size=30))
def test_the_interval_is_that_of_a_t_test_on_the_logarithms(pairs: list[tuple[float, float]]) -> None:
    slow, fast = zip(*pairs, strict=True)
    found = factor(slow, fast)
    logs = np.log(np.array(slow) / np.array(fast))
    assert math.log(found.value) == pytest.approx(logs.mean(), abs=1e-9)
    assert found.low <= found.value <= found.high
    if logs.std() > 1e-6:
        expected = stats.ttest_1samp(logs, 0.0).confidence_interval(0.95)
        assert (math.log(found.low), math.log(found.high)) == pytest.approx(
            (expected.low, expected.high), rel=1e-6, abs=1e-9
        )


def test_one_round_has_no_interval_but_itself() -> None:
    found = factor([3.0], [2.0])
    assert found.value == found.low == found.high == found.least == found.greatest == pytest.approx(1.5)


def test_one_is_held_at_the_decimals_that_are_printed() -> None:
    assert factor([1.004, 1.004, 1.004], [1, 1, 1]).holds_one
    assert not factor([1.006, 1.006, 1.006], [1, 1, 1]).holds_one


def test_no_round_contradicts_what_is_claimed() -> None:
    nine = [1.2, 1.3, 1.1, 1.2, 1.4, 1.2, 1.3, 1.1, 0.98]
    found = factor(nine, [1.0] * 9)
    assert found.low > 1 > found.least
    assert found.contradicted
    assert factor([1 / ratio for ratio in nine], [1.0] * 9).contradicted
    assert not factor([1.2, 1.21, 1.19], [1.0] * 3).contradicted
    assert not factor([1.2, 1.3, 0.9, 1.0], [1.0] * 4).contradicted, "this interval holds 1 itself"
