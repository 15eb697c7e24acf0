import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from models.prove.confidence import auroc, calibration_error, fit_temperature, reliability

DRAW = np.random.default_rng(0)
LOGITS = DRAW.normal(size=(4000, 5)) * 2
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
GOLD = np.array([DRAW.choice(5, p=row) for row in PROBABILITIES])  # the logits are calibrated by construction


@pytest.mark.parametrize("distortion", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_distortion(distortion: float) -> None:
    assert fit_temperature(LOGITS * distortion, GOLD) == pytest.approx(distortion, rel=0.06)


@pytest.mark.parametrize("rows", [4, 60, 300, 4000])
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_rows_that_are_all_right_do_not_make_it_sure_of_everything(rows: int, scale: float) -> None:
    logits = (DRAW.normal(size=(rows, 5)) + 5 * np.eye(5)[np.arange(rows) % 5]).astype(np.float32) * np.float32(scale)
    gold = logits.argmax(axis=1)
    temperature = fit_temperature(logits, gold)
    shares = softmax(logits / np.float32(temperature), axis=1).max(axis=1)
    assert 1 - shares.mean() > 0.5 / (rows + 2)  # the rule of succession says one
    assert len(np.unique(shares)) > 0.2 * rows  # of 4,000 such rows single precision cannot tell all apart
    assert fit_temperature(logits / np.float32(temperature), gold) == pytest.approx(1, abs=0.01)


def test_a_model_that_is_as_sure_as_it_may_be_keeps_its_temperature() -> None:
    logits = np.log(np.array([[0.995, 0.004, 0.001]] * 200))
    assert fit_temperature(logits, np.zeros(200, dtype=np.int64)) == pytest.approx(1, abs=0.1)


def test_calibration_error_by_hand() -> None:
    assert calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True])) == pytest.approx(
        0.5 * 0.4 + 0.5 * 0.4
    )
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_calibrated_scores_have_a_small_error() -> None:
    correct = PROBABILITIES.argmax(axis=1) == GOLD
    assert calibration_error(PROBABILITIES.max(axis=1), correct) < 0.03
    assert sum(entry["share"] for entry in reliability(PROBABILITIES.max(axis=1), correct)) == pytest.approx(1)


def test_auroc_equals_scikit_learns() -> None:
    inside, outside = np.round(DRAW.beta(4, 2, 300), 2), np.round(DRAW.beta(2, 3, 80), 2)  # rounded: with ties
    assert auroc(inside, outside) == pytest.approx(
        roc_auc_score([1] * 300 + [0] * 80, np.concatenate([inside, outside]))
    )
