import math

import numpy as np
import pytest

from service.evidence.guardrail import exceeds
from service.evidence.latency import FEWEST, Moments, mean_ratio


def moments(times: np.ndarray) -> Moments:
    return Moments(len(times), float(times.sum()), float((times**2).sum()))


@pytest.fixture
def times() -> np.ndarray:
    return np.exp(np.random.default_rng(0).standard_normal(20_000))


def test_the_ratio_of_means_lies_between_its_bounds(times: np.ndarray) -> None:
    found = mean_ratio(moments(times[:10_000]), moments(2 * times[10_000:]), alpha=0.05)
    assert found is not None
    assert found.ratio == pytest.approx(2 * times[10_000:].mean() / times[:10_000].mean())
    assert found.low < 2 < found.high
    assert exceeds(found, 1.5)


def test_swapping_control_and_arm_inverts(times: np.ndarray) -> None:
    one, other = moments(times[:300]), moments(times[300:900])
    found, swapped = mean_ratio(one, other, alpha=0.05), mean_ratio(other, one, alpha=0.05)
    assert found is not None
    assert swapped is not None
    assert (1 / swapped.ratio, 1 / swapped.high, 1 / swapped.low) == pytest.approx((found.ratio, found.low, found.high))


def test_more_of_the_same_is_narrower_and_the_unit_is_nothing(times: np.ndarray) -> None:
    few, many = (Moments(n * 300, n * 900.0, n * 4000.0) for n in (1, 10))
    one, ten = mean_ratio(few, few, alpha=0.05), mean_ratio(many, many, alpha=0.05)
    assert one is not None
    assert ten is not None
    assert one.low < ten.low < 1 < ten.high < one.high
    seconds = Moments(300, 0.9, 0.004)
    assert mean_ratio(seconds, seconds, alpha=0.05) == pytest.approx(one)


def test_nothing_is_said_of_a_few_or_of_no_time() -> None:
    enough, few = Moments(FEWEST, 400.0, 900.0), Moments(FEWEST - 1, 400.0, 900.0)
    assert mean_ratio(enough, few, alpha=0.05) is None
    assert mean_ratio(few, enough, alpha=0.05) is None
    assert mean_ratio(enough, Moments(FEWEST, 0.0, 0.0), alpha=0.05) is None


@pytest.mark.parametrize("times_as_many", [1, 10**7])
def test_extreme_times(times_as_many: int) -> None:
    one_outlier = Moments(FEWEST * times_as_many, 1e9 * times_as_many, 1e18 * times_as_many)
    steady = Moments(FEWEST * times_as_many, 200.0 * times_as_many, 200.0 * times_as_many)
    found = mean_ratio(steady, one_outlier, alpha=0.05)
    assert found is not None
    assert 0 <= found.low <= found.ratio <= found.high < math.inf
