import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.difference import Verdict
from service.evidence.label_free import disagreement


@given(st.integers(0, 5000), st.floats(0, 1), st.sampled_from([0.005, 0.01, 0.1]))
def test_the_bound_agrees_with_the_verdict(pairs: int, share: float, margin: float) -> None:
    found = disagreement(pairs, round(share * pairs), margin=margin, alpha=0.05)
    assert found.low == -found.high
    assert (found.high <= margin) == (found.e_margin >= 40) == (found.verdict is Verdict.NOT_WORSE)
    assert (found.e_no_drop, found.e_gain) == (1, 1)


def test_agreement_alone_is_a_verdict() -> None:
    assert disagreement(1000, 1, margin=0.01, alpha=0.05).verdict is Verdict.NOT_WORSE
    assert disagreement(1000, 10, margin=0.01, alpha=0.05).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("counts", [(0, 0), (10**7, 0), (10**7, 10**7), (10**7, 10**4)])
def test_extreme_counts(counts: tuple[int, int]) -> None:
    found = disagreement(*counts, margin=0.01, alpha=0.05)
    assert 0 <= found.drop <= found.high <= 1
