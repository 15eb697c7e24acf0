import numpy as np
import pytest

from service.evidence.difference import Verdict, judge
from service.evidence.further import FEWEST, SAID
from service.evidence.label_free import disagreement
from service.evidence.paired import VALUES, paired


def test_two_digits_are_said() -> None:
    assert (np.diff(SAID) > 0).all()
    assert all(len(f"{value:.0f}".rstrip("0")) <= 2 for value in SAID)


def test_nothing_is_expected_of_a_few_labels() -> None:
    assert paired(FEWEST - 1, 0, 0, margin=0.01, alpha=1e-9).further is None
    assert disagreement(FEWEST - 1, 0, margin=0.01, alpha=0.05).further is None


def test_nothing_is_expected_where_the_truth_lies_on_the_margin() -> None:
    assert disagreement(10_000, 100, margin=0.01, alpha=0.05).further is None


@pytest.mark.parametrize("share", [(0.045, 0.015), (0.005, 0.005), (0.01, 0.03), (0.0, 0.0)])
def test_so_many_labels_more_of_the_same_are_a_verdict(share: tuple[float, float]) -> None:
    counts = 300 * np.array([*share, 1 - sum(share)])
    now = judge(counts, VALUES, margin=0.01, alpha=0.05)
    assert now.verdict is Verdict.UNDECIDED
    assert now.further is not None
    then = 1 + now.further / 300
    early, late = (1 + (then - 1) * part for part in (0.4, 1.1))  # the estimate is drawn towards no difference
    assert judge(early * counts, VALUES, margin=0.01, alpha=0.05).verdict is Verdict.UNDECIDED
    assert judge(late * counts, VALUES, margin=0.01, alpha=0.05).verdict is not Verdict.UNDECIDED


def test_fewer_are_expected_the_nearer_the_verdict() -> None:
    waits = [paired(0, 0, n, margin=0.01, alpha=0.05).further for n in (50, 200, 400)]
    assert waits == sorted(waits, reverse=True)
    assert 0 not in waits
