import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.difference import Difference, Verdict, judge, name
from service.evidence.paired import paired

COUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 20_000))
MARGINS = st.sampled_from([0.002, 0.01, 0.05])
ALPHAS = st.sampled_from([0.01, 0.05, 0.2])
EXTREME = [(0, 0, 0), (10**7, 0, 0), (0, 10**7, 0), (0, 0, 10**7), (10**7, 10**7, 10**7), (1, 0, 0), (0, 1, 0)]


@given(COUNTS, MARGINS, ALPHAS)
def test_the_interval_agrees_with_the_verdict(counts: tuple[int, int, int], margin: float, alpha: float) -> None:
    found = paired(*counts, margin=margin, alpha=alpha)
    assert -1 <= found.low <= found.drop <= found.high <= 1
    assert (found.low >= 0) == (found.e_no_drop >= 2 / alpha)
    assert (found.high <= margin) == (found.e_margin >= 2 / alpha)
    assert (found.high <= 0) == (found.e_gain >= 2 / alpha)
    assert found.verdict is name(worse=found.low >= 0, not_worse=found.high <= margin, better=found.high <= 0)
    assert (found.further == 0) == (found.verdict is not Verdict.UNDECIDED)


@given(COUNTS, MARGINS)
def test_swapping_control_and_arm_mirrors(counts: tuple[int, int, int], margin: float) -> None:
    worse, better, equal = counts
    found = paired(worse, better, equal, margin=margin, alpha=0.05)
    mirrored = paired(better, worse, equal, margin=margin, alpha=0.05)
    assert (mirrored.n, mirrored.drop) == (found.n, -found.drop)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-7)
    assert (mirrored.e_no_drop, mirrored.e_gain) == pytest.approx((found.e_gain, found.e_no_drop))


@given(COUNTS, st.integers(1, 50))
def test_more_of_what_speaks_against_an_arm_never_speaks_for_it(counts: tuple[int, int, int], more: int) -> None:
    worse, better, equal = counts
    before = paired(worse, better, equal + more, margin=0.01, alpha=0.05)
    after = paired(worse + more, better, equal, margin=0.01, alpha=0.05)
    assert after.low >= before.low - 1e-7
    assert after.high >= before.high - 1e-7
    assert (after.e_no_drop, -after.e_margin, -after.e_gain) >= (before.e_no_drop, -before.e_margin, -before.e_gain)


@given(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 1000)), st.integers(2, 20))
def test_more_labels_of_the_same_make_the_interval_narrower(counts: tuple[int, int, int], times: int) -> None:
    few = paired(*counts, margin=0.01, alpha=0.05)
    many = paired(*(times * count for count in counts), margin=0.01, alpha=0.05)
    assert many.high - many.low < few.high - few.low


def test_the_order_of_the_values_does_not_matter() -> None:
    counts, values = np.array([40.0, 10.0, 700.0]), np.array([1.0, -1.0, 0.0])
    found = judge(counts, values, margin=0.01, alpha=0.05)
    assert judge(counts[::-1], values[::-1], margin=0.01, alpha=0.05) == pytest.approx(found)


@pytest.mark.parametrize("counts", EXTREME)
def test_extreme_counts_have_a_verdict(counts: tuple[int, int, int]) -> None:
    found = paired(*counts, margin=0.01, alpha=0.05)
    assert np.isfinite([value for value in found if isinstance(value, float)]).all()
    assert found.low <= found.high
    expected = {
        EXTREME[1]: Verdict.WORSE,
        EXTREME[2]: Verdict.BETTER,
        EXTREME[3]: Verdict.NOT_WORSE,
        EXTREME[4]: Verdict.NOT_WORSE,
    }
    assert found.verdict is expected.get(counts, Verdict.UNDECIDED)


def test_nothing_is_known_without_labels() -> None:
    none = Difference(0, 0.0, pytest.approx(-1), pytest.approx(1), 1.0, 1.0, 1.0, Verdict.UNDECIDED, None)
    assert paired(0, 0, 0, margin=0.01, alpha=0.05) == none


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ((60, 10, 1000), Verdict.WORSE),
        ((10, 60, 1000), Verdict.BETTER),
        ((10, 10, 3000), Verdict.NOT_WORSE),
        ((10, 10, 500), Verdict.UNDECIDED),
        ((300, 150, 50_000), Verdict.NOT_WORSE),  # a drop of 0.3 points for certain, and less than 1 for certain
    ],
)
def test_the_verdicts(counts: tuple[int, int, int], verdict: Verdict) -> None:
    assert paired(*counts, margin=0.01, alpha=0.05).verdict is verdict
