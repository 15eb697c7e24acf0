"""How far a variant's probabilities can be trusted: temperature scaling, expected calibration error, out-of-scope
detection.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from models.prove.distributions import least
from models.prove.statistics import Labels

BINS = 15
Floats = npt.NDArray[np.floating[Any]]


def fit_temperature(logits: Floats, gold: Labels) -> float:
    """Return the temperature that makes the gold labels of held-out rows most likely (Guo et al. 2017, section 4.2).

    As if two more rows of the usual kind had been seen, one right and one whose gold label is the next best (the rule
    of succession, as Platt 1999 smooths his targets). Of hundreds of rows this changes nothing that shows; where all of
    them are right, it is what keeps the temperature from going to zero, and with it the difference between sure and
    unsure that a cascade lives on.
    """
    rows = np.arange(len(gold))
    others = logits.copy()
    others[rows, gold] = -np.inf
    next_best = others.argmax(axis=1)
    wrong = 1 / (len(gold) + 2)

    def loss(log_temperature: float) -> float:
        scaled = logits / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        likely = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -float(
            (1 - wrong) * likely[rows, gold].mean(dtype=np.float64)
            + wrong * likely[rows, next_best].mean(dtype=np.float64)
        )

    return round(math.exp(least(loss, math.log(0.05), math.log(20.0), tolerance=1e-5)), 4)


def reliability(confidence: Floats, correct: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return the bins of a reliability diagram that hold rows: share of rows, mean confidence and accuracy."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    held = [places == place for place in range(BINS)]
    return [
        {
            "share": float(rows.mean()),
            "confidence": float(confidence[rows].mean()),
            "accuracy": float(correct[rows].mean()),
        }
        for rows in held
        if rows.any()
    ]


def calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy over the bins (Guo et al.
    2017, section 2).
    """
    return float(
        sum(entry["share"] * abs(entry["confidence"] - entry["accuracy"]) for entry in reliability(confidence, correct))
    )


def auroc(inside: Floats, outside: Floats) -> float:
    """Return how often a text of the task gets a higher maximum probability than one outside of it (Hendrycks and
    Gimpel 2017).
    """
    _, places, counts = np.unique(np.concatenate([inside, outside]), return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places]  # those that are equal share the mean of theirs
    return float((ranks[: len(inside)].sum() - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside)))
