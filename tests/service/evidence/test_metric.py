import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.betting import log_capital
from service.evidence.metric import metric, spread
from service.evidence.split import split

VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


@given(VALUES)
def test_spreading_keeps_number_and_mean(values: list[float]) -> None:
    cells, weights = spread(np.array(values), np.ones(len(values)))
    assert weights.sum() == pytest.approx(len(values))
    assert weights @ cells == pytest.approx(sum(values), abs=1e-9)


@given(VALUES, st.sampled_from([-0.05, 0.0, 0.3]))
def test_spreading_never_raises_the_capital(values: list[float], mean: float) -> None:
    exact = log_capital(np.ones(len(values)), np.array(values), mean)
    cells, weights = spread(np.array(values), np.ones(len(values)))
    assert log_capital(weights, cells, mean) <= exact + 1e-9


def test_right_or_wrong_is_a_metric() -> None:
    counts = {1.0: 300, -1.0: 200, 0.0: 5000}
    found = metric(counts, low=0, high=1, better="higher", margin=0.01, alpha=0.05)
    assert found == pytest.approx(split(counts, margin=0.01, alpha=0.05))


def test_units_and_direction() -> None:
    """Ten times the scale and the other direction: the same evidence."""
    generator = np.random.default_rng(0)
    differences = generator.random(4000) - generator.random(4000) - 0.02
    found = metric(dict.fromkeys(differences.tolist(), 1), low=0, high=1, better="higher", margin=0.05, alpha=0.05)
    other = metric(
        dict.fromkeys((-10 * differences).tolist(), 1), low=5, high=15, better="lower", margin=0.5, alpha=0.05
    )
    assert (other.drop, other.low, other.high) == pytest.approx((10 * found.drop, 10 * found.low, 10 * found.high))
    assert other[4:] == pytest.approx(found[4:])


def test_extreme_counts() -> None:
    assert metric({}, low=0, high=5, better="lower", margin=0.1, alpha=0.05).n == 0
    found = metric({3.3: 10**7, -3.3: 10**7}, low=0, high=5, better="lower", margin=0.1, alpha=0.05)
    assert found.low < 0 < found.high < 0.1
