"""Score a finished variant with the object that serves it: the test split once, one text at a time as a server gets them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.classifier import Classifier, Logits, Predictor, softmax
from models.confidence import Floats, auroc, calibration_error
from models.dataset import Dataset
from models.evidence import Evidence
from models.perturb import other_case, typos
from models.progress import Bar
from models.statistics import Labels, macro_f1, wilson

PERTURBATIONS: dict[str, Callable[[str, int], str]] = {"typos": typos, "other_case": other_case}


@dataclass(frozen=True)
class Scores:
    """What goes onto the card, and the evidence behind it."""

    evidence: Evidence
    content: dict[str, object]


def score(predictor: Predictor, dataset: Dataset, *, seed: int, alone: Logits | None = None) -> Scores:
    """Evaluate a predictor; `alone` are its logits at batch 1 where they are known (a cascade has none)."""
    gold = np.array(dataset.test.labels, dtype=np.int64)
    raw = softmax(alone) if alone is not None else _one_by_one(predictor, dataset.test.texts)
    probabilities = softmax(alone, predictor.temperature) if alone is not None else raw
    given = probabilities.argmax(axis=1).astype(np.int64)
    changed = {name: _labels(predictor, [change(text, seed) for text in dataset.test.texts]) for name, change in PERTURBATIONS.items()}
    outside = predictor.probabilities(dataset.out_of_scope)[0].max(axis=1) if dataset.out_of_scope else np.empty(0)
    evidence = Evidence(
        given=given.tolist(),
        confidence=_rounded(probabilities.max(axis=1)),
        uncalibrated=_rounded(raw.max(axis=1)),
        typos=changed["typos"].tolist(),
        other_case=changed["other_case"].tolist(),
        out_of_scope=_rounded(outside),
    )
    content: dict[str, object] = {
        "accuracy": wilson(int((given == gold).sum()), len(gold)),
        "macro_f1": macro_f1(gold, given, len(dataset.labels)),
        "calibration_error": {
            "before": calibration_error(raw.max(axis=1), given == gold),
            "after": calibration_error(probabilities.max(axis=1), given == gold),
        },
        "robustness": {name: float((labels == gold).mean()) for name, labels in changed.items()},
    }
    if len(outside):
        content["out_of_scope_auroc"] = auroc(probabilities.max(axis=1), outside)
    return Scores(evidence, content)


def logits_alone(classifier: Classifier, texts: Sequence[str], *, title: str) -> Logits:
    """Return the logits of every text at batch 1."""
    with Bar(title, len(texts)) as bar:
        rows = []
        for text in texts:
            rows.append(classifier.logits([text])[0])
            bar.advance()
        bar.finish(f"{len(texts)} test texts, one at a time")
    return np.concatenate(rows)


def _one_by_one(predictor: Predictor, texts: Sequence[str]) -> Logits:
    return np.concatenate([predictor.probabilities([text])[0] for text in texts])


def _labels(predictor: Predictor, texts: Sequence[str]) -> Labels:
    labels: Labels = predictor.probabilities(texts)[0].argmax(axis=1).astype(np.int64)
    return labels


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 6) for value in values]
