import numpy as np
import pytest

from models.card import Card
from models.cascade import Cascade, choose_threshold
from models.classifier import Predictor
from models.dataset import Dataset


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_the_small_one_is_unsure_of_is_answered_by_the_large_one(variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, share: float) -> None:
    small, large, texts = variants["distilled_int8"][1], variants["teacher"][1], dataset.train.texts
    confidence = small.probabilities(texts)[0].max(axis=1)
    threshold = float(np.quantile(confidence, share)) + (0.001 if share == 1 else -0.001 if share == 0 else 0)
    given = Cascade(small, large, threshold).predict(texts)
    by_small, by_large = small.predict(texts), large.predict(texts)
    for row, prediction in enumerate(given):
        expected = by_large[row] if confidence[row] < threshold else by_small[row]
        assert prediction.label == expected.label
        assert prediction.top[0][1] == pytest.approx(expected.top[0][1], abs=1e-5)
        (alone,) = Cascade(small, large, threshold).predict([texts[row]])
        assert (alone.label, alone.truncated) == (prediction.label, prediction.truncated)


LARGE = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
SMALL = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]], dtype=np.float32)  # two labels differ


@pytest.mark.parametrize(("max_drop", "escalated"), [(0.0, [1, 2]), (0.25, [1]), (0.5, [])])
def test_the_lowest_threshold_that_leaves_few_other_labels_is_chosen(max_drop: float, escalated: list[int]) -> None:
    threshold = choose_threshold(SMALL, LARGE, max_drop)
    assert np.flatnonzero(SMALL.max(axis=1) < threshold).tolist() == escalated


def test_variants_that_agree_escalate_nothing() -> None:
    assert choose_threshold(LARGE, LARGE, 0.0) == 0.0


def test_a_small_variant_that_is_surely_wrong_escalates_everything() -> None:
    assert choose_threshold(1 - LARGE, LARGE, 0.0) > LARGE.max()
