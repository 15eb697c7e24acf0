import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.guardrail import exceeds, falls_short
from service.evidence.share import LOG_RATIOS, LOG_WEIGHTS, log_capital, share

SHARES = st.floats(0.001, 0.999)


def capital(n: int, k: int, most: float) -> float:
    return math.exp(log_capital(np.array(float(n)), np.array(float(k)), most))


@given(st.integers(0, 8), SHARES, SHARES)
def test_the_expected_capital_is_one_at_the_claim_and_less_below(n: int, most: float, lower: float) -> None:
    def expected(true: float) -> float:
        return sum(math.comb(n, k) * true**k * (1 - true) ** (n - k) * capital(n, k, most) for k in range(n + 1))

    assert expected(most) == pytest.approx(1)
    assert expected(lower * most) <= 1 + 1e-9


@given(st.integers(0, 8), st.integers(0, 8), SHARES)
def test_the_capital_is_the_mean_of_likelihood_ratios(k: int, others: int, most: float) -> None:
    odds = most / (1 - most) * np.exp(LOG_RATIOS)
    chance = odds / (1 + odds)
    ratios = (chance / most) ** k * ((1 - chance) / (1 - most)) ** others
    assert capital(k + others, k, most) == pytest.approx(float(np.exp(LOG_WEIGHTS) @ ratios), rel=1e-6)


@given(st.integers(0, 3000), st.floats(0, 1))
def test_the_bounds_hold_the_share_and_mirror(n: int, part: float) -> None:
    k = round(part * n)
    low, high = share(n, k, alpha=0.05)
    assert 0 <= low <= high <= 1
    if n:
        assert low <= k / n <= high
    mirrored = share(n, n - k, alpha=0.05)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-7)


@given(st.integers(1, 50), st.integers(0, 500), st.integers(2, 10))
def test_more_of_the_same_is_narrower(k: int, others: int, times: int) -> None:
    few, many = share(k + others, k, alpha=0.05), share(times * (k + others), times * k, alpha=0.05)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(("n", "k"), [(0, 0), (10**7, 0), (10**7, 10**7), (10**7, 10**5)])
def test_extreme_counts(n: int, k: int) -> None:
    low, high = share(n, k, alpha=0.05)
    assert low <= (k / n if n else 0) <= high


def test_a_guardrail_is_breached_where_the_whole_interval_is_beyond_the_limit() -> None:
    errors = share(1000, 50, alpha=0.05)
    assert exceeds(errors, 0.01)
    assert not exceeds(errors, 0.05)
    assert falls_short(share(1000, 800, alpha=0.05), 0.9)
    assert not falls_short(share(1000, 890, alpha=0.05), 0.9)
    assert not exceeds(None, 0)
    assert not falls_short(None, 1)
