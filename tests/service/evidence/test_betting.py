import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.betting import LOG_WEIGHTS, STAKES, log_capital

OUTCOMES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=12)
MEANS = st.floats(-0.9, 0.9)


def capital(outcomes: list[float], mean: float) -> float:
    values, counts = np.unique(np.array(outcomes, dtype=float), return_counts=True)
    return math.exp(log_capital(counts.astype(float), values, mean))


@given(OUTCOMES, MEANS)
def test_the_capital_is_the_mean_of_products(outcomes: list[float], mean: float) -> None:
    products = [math.prod(1 - stake + stake * (1 + one) / (1 + mean) for one in outcomes) for stake in STAKES]
    assert capital(outcomes, mean) == pytest.approx(float(np.exp(LOG_WEIGHTS) @ products), rel=1e-9)


def test_the_stake_is_spread_over_all_guesses() -> None:
    assert np.exp(LOG_WEIGHTS).sum() == pytest.approx(1)
    assert ((STAKES > 0) & (STAKES < 1)).all()


@given(st.sampled_from([-0.5, 0.0, 0.2]), st.floats(0, 1), st.integers(1, 6))
def test_the_expected_capital_is_one_at_the_claim_and_less_below(mean: float, lower: float, labels: int) -> None:
    """Summed over all sequences of two outcomes with this mean: the fair game that the level rests on."""

    def expected(true: float) -> float:
        up = (1 + true) / 2
        return sum(
            math.prod(up if one > 0 else 1 - up for one in outcomes) * capital(list(outcomes), mean)
            for outcomes in itertools.product([-1.0, 1.0], repeat=labels)
        )

    assert expected(mean) == pytest.approx(1, rel=1e-9)
    assert expected(-1 + lower * (1 + mean)) <= 1 + 1e-9


@given(OUTCOMES, MEANS, st.floats(0, 0.09))
def test_a_higher_claim_is_refuted_less(outcomes: list[float], mean: float, more: float) -> None:
    assert capital(outcomes, mean + more) <= capital(outcomes, mean) * (1 + 1e-9)


@pytest.mark.parametrize("counts", [[0, 0, 0], [10**7, 0, 0], [0, 10**7, 0], [0, 0, 10**7], [10**7] * 3])
def test_extreme_counts_stay_finite(counts: list[int]) -> None:
    values = np.array([1.0, -1.0, 0.0])
    for mean in (-1 + 1e-12, -0.01, 0.0, 0.01, 1 - 1e-12):
        assert np.isfinite(log_capital(np.array(counts, dtype=float), values, mean))
