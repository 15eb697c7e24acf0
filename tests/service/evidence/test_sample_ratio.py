import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import dirichlet_multinomial, multinomial

from service.evidence.sample_ratio import BELIEF, sample_ratio

COUNTS = st.lists(st.integers(0, 2000), min_size=2, max_size=4)


@given(COUNTS, st.data())
def test_the_e_value_is_a_ratio_of_two_multinomials(counts: list[int], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0.1, 5), min_size=len(counts), max_size=len(counts)))
    shares = np.array(weights) / sum(weights)
    log = dirichlet_multinomial.logpmf(counts, BELIEF * shares, sum(counts)) - multinomial.logpmf(
        counts, sum(counts), shares
    )
    found = sample_ratio(counts, weights)
    assert max(math.log(max(found.e_value, 1e-300)), -600) == pytest.approx(
        max(min(log, math.log(1e300)), -600), rel=1e-5, abs=1e-5
    )
    assert found.mismatch == (found.e_value >= 100)
    assert found.p == pytest.approx(min(1, 1 / found.e_value))


def test_the_expected_e_value_is_one() -> None:
    expected = sum(
        multinomial.pmf((first, second, 6 - first - second), 6, [0.5, 0.3, 0.2])
        * sample_ratio((first, second, 6 - first - second), [0.5, 0.3, 0.2]).e_value
        for first, second in itertools.product(range(7), repeat=2)
        if first + second <= 6
    )
    assert expected == pytest.approx(1)


def test_a_mismatch_is_found_and_the_promised_shares_are_none() -> None:
    assert sample_ratio([5200, 4800], [0.5, 0.5]).mismatch
    assert not sample_ratio([5050, 4950], [0.5, 0.5]).mismatch
    assert not sample_ratio([8000, 2000], [0.8, 0.2]).mismatch
    assert sample_ratio([8000, 2000], [0.75, 0.25]).mismatch


def test_order_and_scale_of_the_arms_do_not_matter() -> None:
    found = sample_ratio([300, 500, 200], [3, 5, 2])
    assert sample_ratio([200, 300, 500], [0.2, 0.3, 0.5]) == pytest.approx(found)


@pytest.mark.parametrize("counts", [(0, 0), (10**7, 0), (10**7, 10**7)])
def test_extreme_counts(counts: tuple[int, int]) -> None:
    found = sample_ratio(counts, [0.5, 0.5])
    assert found.mismatch == (counts == (10**7, 0))
    assert math.isfinite(found.e_value)
