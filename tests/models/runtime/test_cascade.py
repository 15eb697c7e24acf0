import numpy as np
import pytest

from models.data.dataset import Dataset
from models.runtime.card import Card
from models.runtime.cascade import Cascade
from models.runtime.classifier import Predictor


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_the_small_one_is_unsure_of_is_answered_by_the_large_one(
    variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, share: float
) -> None:
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
