import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from models.prove.threshold import choose_threshold, differing_at_most

DRAW = np.random.default_rng(0)


def validation(rows: int, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Confidences, and labels that differ in some 5 % of the rows, the unsure ones mostly."""
    draw = np.random.default_rng(seed)
    confidence = draw.beta(6, 0.8, rows).astype(np.float32)
    return confidence, draw.random(rows) < 0.35 * (1 - confidence) + 0.004


@pytest.mark.parametrize("rows", [270, 1000, 5000])
@pytest.mark.parametrize("max_drop", [0.005, 0.02])
def test_the_lowest_threshold_whose_bound_holds_is_chosen(rows: int, max_drop: float) -> None:
    confidence, differing = validation(rows)
    threshold = choose_threshold(confidence, differing, max_drop)
    spared = int((differing & (confidence >= threshold)).sum())
    bound = differing_at_most(threshold, confidence, differing)
    assert binom.cdf(spared, rows, bound) == pytest.approx(0.05)
    assert bound <= max_drop or spared == 0
    one_more = np.sort(confidence[differing])[::-1][spared]  # the next that would be spared
    assert one_more < threshold < one_more + 1e-5
    assert differing_at_most(float(one_more), confidence, differing) > max_drop


def test_the_share_that_is_promised_holds_in_nineteen_of_twenty_builds() -> None:
    confidence, differing = validation(400_000, seed=1)
    broken = 0
    for seed in range(200):
        rows = np.random.default_rng(seed).integers(400_000, size=500)
        threshold = choose_threshold(confidence[rows], differing[rows], 0.02)
        broken += float((differing & (confidence >= threshold)).mean()) > 0.02
    assert broken / 200 <= 0.08


@pytest.mark.parametrize("rows", [4, 60, 150, 590])
def test_few_rows_spare_none_that_differs_and_escalate_no_more(rows: int) -> None:
    confidence, differing = validation(rows, seed=3)
    differing[0] = True
    threshold = choose_threshold(confidence, differing, 0.005)
    assert not (differing & (confidence >= threshold)).any()
    assert (confidence[confidence > confidence[differing].max()] >= threshold).all()
    assert differing_at_most(threshold, confidence, differing) == pytest.approx(1 - 0.05 ** (1 / rows))


def test_variants_that_agree_escalate_nothing() -> None:
    assert choose_threshold(np.array([0.5, 0.9], dtype=np.float32), np.array([False, False]), 0.0) == 0.0


def test_a_small_variant_that_is_surely_wrong_escalates_everything() -> None:
    assert choose_threshold(np.array([0.5, 0.9], dtype=np.float32), np.array([False, True]), 0.0) > 0.9
