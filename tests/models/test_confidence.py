import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.confidence import auroc, calibration_error, fit_temperature, reliability

DRAW = np.random.default_rng(0)
LOGITS = DRAW.normal(size=(4000, 5)) * 2
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
GOLD = np.array([DRAW.choice(5, p=row) for row in PROBABILITIES])  # the logits are calibrated by construction


@pytest.mark.parametrize("distortion", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_distortion(distortion: float) -> None:
    assert fit_temperature(LOGITS * distortion, GOLD) == pytest.approx(distortion, rel=0.06)


def test_calibration_error_by_hand() -> None:
    assert calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True])) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_calibrated_scores_have_a_small_error() -> None:
    correct = PROBABILITIES.argmax(axis=1) == GOLD
    assert calibration_error(PROBABILITIES.max(axis=1), correct) < 0.03
    assert sum(entry["share"] for entry in reliability(PROBABILITIES.max(axis=1), correct)) == pytest.approx(1)


def test_auroc_equals_scikit_learns() -> None:
    inside, outside = np.round(DRAW.beta(4, 2, 300), 2), np.round(DRAW.beta(2, 3, 80), 2)  # rounded: with ties
    assert auroc(inside, outside) == pytest.approx(roc_auc_score([1] * 300 + [0] * 80, np.concatenate([inside, outside])))
