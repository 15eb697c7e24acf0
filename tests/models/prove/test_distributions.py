import math

import pytest
from scipy import optimize, stats

from models.prove.distributions import binomial_cdf, least, root


@pytest.mark.parametrize(("events", "trials"), [(0, 1), (0, 3000), (3, 7), (40, 100), (99, 100), (300, 5000), (5, 5)])
@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 0.97])
def test_the_binomial_distribution_is_scipys(events: int, trials: int, share: float) -> None:
    assert binomial_cdf(events, trials, share) == pytest.approx(stats.binom.cdf(events, trials, share), rel=1e-9)


def test_what_is_sure_is_one_and_what_cannot_be_is_zero() -> None:
    assert (binomial_cdf(0, 0, 0.5), binomial_cdf(7, 7, 0.3), binomial_cdf(2, 9, 0.0)) == (1.0, 1.0, 1.0)
    assert (binomial_cdf(-1, 9, 0.3), binomial_cdf(2, 9, 1.0)) == (0.0, 0.0)


@pytest.mark.parametrize("at", [-0.999, -1e-9, 0.0, 0.3, 1.0])
def test_a_root_is_found_to_the_last_bit(at: float) -> None:
    assert root(lambda value: at - value, -1.0, 1.0) == pytest.approx(at, abs=1e-15)


def test_the_least_value_is_where_scipy_finds_it() -> None:
    def function(value: float) -> float:
        return math.exp(value) - 3 * value

    found = optimize.minimize_scalar(function, bounds=(-2, 4), method="bounded", options={"xatol": 1e-8}).x
    assert least(function, -2, 4, 1e-7) == pytest.approx(found, abs=1e-6)
