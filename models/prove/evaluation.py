"""Score a finished variant with the object that serves it: the test split once, one text at a time as a server gets
them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.data.dataset import Dataset
from models.prove.confidence import Floats, auroc, calibration_error
from models.prove.invariance import batch_invariance
from models.prove.parallel import each
from models.prove.perturbations import other_case, typos
from models.prove.predictions import Predictions
from models.prove.statistics import Labels, macro_f1, wilson
from models.runtime.card import Invariance
from models.runtime.classifier import Classifier, Logits, Predictor, softmax
from models.runtime.progress import Bar

PERTURBATIONS: dict[str, Callable[[str, int], str]] = {"typos": typos, "other_case": other_case}
PART = 256  # texts that one core batches by itself, for the others to have some too
SLICE = (
    4096  # texts whose logits are held at once: of 1,000 labels they take 16 MB, where those of 200,000 texts take 800
)


@dataclass(frozen=True)
class Answers:
    """What is kept of some texts' logits: the most likely label's number, and its probability with and without the
    temperature.
    """

    labels: Labels
    confidence: Floats
    uncalibrated: Floats


@dataclass(frozen=True)
class Scores:
    """What goes onto the card, and the predictions behind it."""

    predictions: Predictions
    content: dict[str, object]


def score(predictor: Predictor, dataset: Dataset, *, seed: int, alone: Answers | None = None) -> Scores:
    """Evaluate a predictor; `alone` is what it answers at batch 1 where that is known already."""
    gold = np.array(dataset.test.labels, dtype=np.int64)
    alone = alone or best_of(predictor, dataset.test.texts, size=1)
    right = alone.labels == gold
    changed = {
        name: best_of(predictor, [change(text, seed) for text in dataset.test.texts]).labels
        for name, change in PERTURBATIONS.items()
    }
    outside: Floats = best_of(predictor, dataset.out_of_scope).confidence if dataset.out_of_scope else np.empty(0)
    predictions = Predictions(
        given=alone.labels.tolist(),
        confidence=_rounded(alone.confidence),
        uncalibrated=_rounded(alone.uncalibrated),
        typos=changed["typos"].tolist(),
        other_case=changed["other_case"].tolist(),
        out_of_scope=_rounded(outside),
    )
    content: dict[str, object] = {
        "accuracy": wilson(int(right.sum()), len(gold)),
        "macro_f1": macro_f1(gold, alone.labels, len(dataset.labels)),
        "calibration_error": {
            "before": calibration_error(alone.uncalibrated, right),
            "after": calibration_error(alone.confidence, right),
        },
        "robustness": {name: float((labels == gold).mean()) for name, labels in changed.items()},
    }
    if len(outside):
        content["out_of_scope_auroc"] = auroc(alone.confidence, outside)
    return Scores(predictions, content)


def answers_alone(classifier: Classifier, texts: Sequence[str], *, seed: int) -> tuple[Answers, Invariance]:
    """Return what a classifier answers at batch 1, and how far that changes in batches; slices of the texts are batched
    each by itself.
    """
    answers, batched = [], []
    with Bar("evaluate", len(texts)) as bar:
        for some in _slices(texts, SLICE):
            logits = _alone(classifier, some, bar)
            shares = (softmax(logits, temperature).max(axis=1) for temperature in (classifier.temperature, 1.0))
            answers.append(Answers(logits.argmax(axis=1), *shares))
            batched.append(batch_invariance(classifier, some, logits, seed))
        bar.finish(f"{len(texts)} test texts, one at a time")
    invariance = Invariance(
        flips_sorted=sum(one.flips_sorted for one in batched),
        flips_shuffled=sum(one.flips_shuffled for one in batched),
        largest_logit_change=max(one.largest_logit_change for one in batched),
    )
    return _joined(answers), invariance


def logits_alone(classifier: Classifier, texts: Sequence[str], *, title: str) -> Logits:
    """Return the logits of every text at batch 1."""
    with Bar(title, len(texts)) as bar:
        logits = _alone(classifier, texts, bar)
        bar.finish(f"{len(texts)} test texts, one at a time")
    return logits


def best_of(predictor: Predictor, texts: Sequence[str], size: int = PART) -> Answers:
    """Return a predictor's best labels with their probabilities, so many texts at a time; as for a cascade, there are
    no others.
    """
    found = each(predictor.best, _slices(texts, size))
    return _joined([Answers(one.numbers, one.shares, one.shares) for one in found])


def _alone(classifier: Classifier, texts: Sequence[str], bar: Bar) -> Logits:
    rows = []
    for row in each(lambda text: classifier.logits([text])[0], texts):
        rows.append(row)
        bar.advance()
    return np.concatenate(rows)


def _slices(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(texts[start : start + size]) for start in range(0, len(texts), size))


def _joined(parts: Sequence[Answers]) -> Answers:
    return Answers(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "confidence", "uncalibrated"))
    )


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 6) for value in values]
