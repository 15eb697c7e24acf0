"""How far a variant's probabilities can be trusted: temperature scaling, expected calibration error, out-of-scope detection."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import rankdata

from models.statistics import Labels

BINS = 15
Floats = npt.NDArray[np.floating[Any]]


def fit_temperature(logits: Floats, gold: Labels) -> float:
    """Return the temperature that makes the gold labels of held-out rows most likely (Guo et al. 2017, section 4.2)."""

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(gold)), gold].mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded").x)), 4)


def reliability(confidence: Floats, correct: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return the bins of a reliability diagram that hold rows: share of rows, mean confidence and accuracy."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    held = [places == place for place in range(BINS)]
    return [{"share": float(rows.mean()), "confidence": float(confidence[rows].mean()), "accuracy": float(correct[rows].mean())} for rows in held if rows.any()]


def calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy over the bins (Guo et al. 2017, section 2)."""
    return float(sum(entry["share"] * abs(entry["confidence"] - entry["accuracy"]) for entry in reliability(confidence, correct)))


def auroc(inside: Floats, outside: Floats) -> float:
    """Return how often a text of the task gets a higher maximum probability than one outside of it (Hendrycks and Gimpel 2017)."""
    ranks = rankdata(np.concatenate([inside, outside]))
    return float((ranks[: len(inside)].sum() - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside)))
