from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.prove import evaluation
from models.prove.confidence import calibration_error
from models.prove.evaluation import answers_alone, best_of, logits_alone, score
from models.prove.perturbations import typos
from models.prove.predictions import read_predictions, write_predictions
from models.prove.statistics import macro_f1, wilson
from models.runtime.card import Card
from models.runtime.classifier import Classifier, Predictor, softmax


@pytest.mark.parametrize("variant", ["teacher", "distilled_int8", "cascade"])
def test_the_card_says_what_the_predictor_scores_at_batch_1(
    variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, variant: str
) -> None:
    card, predictor = variants[variant]
    gold = np.array(dataset.test.labels)
    alone = answers_alone(predictor, dataset.test.texts, seed=0)[0] if isinstance(predictor, Classifier) else None
    found = score(predictor, dataset, seed=0, alone=alone)
    answers = [predictor.predict([text])[0] for text in dataset.test.texts]
    given, confidence = (
        np.array([predictor.labels.index(answer.label) for answer in answers]),
        np.array([answer.top[0][1] for answer in answers]),
    )
    assert found.predictions.given == given.tolist()
    assert found.predictions.confidence == pytest.approx(confidence, abs=1e-5)
    assert found.content["accuracy"] == card.accuracy == wilson(int((given == gold).sum()), len(gold))
    assert found.content["macro_f1"] == card.macro_f1 == macro_f1(gold, given, len(dataset.labels))
    assert card.calibration_error["after"] == pytest.approx(calibration_error(confidence, given == gold), abs=1e-5)
    mistyped = [
        predictor.labels.index(answer.label)
        for answer in predictor.predict([typos(text, 0) for text in dataset.test.texts])
    ]
    assert found.predictions.typos == mistyped
    assert card.robustness["typos"] == pytest.approx((np.array(mistyped) == gold).mean())


@pytest.mark.parametrize("size", [1, 5, 12, 1000])
def test_slices_are_joined_to_what_the_whole_gives(
    variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    classifier, texts = variants["distilled_int8"][1], dataset.test.texts
    assert isinstance(classifier, Classifier)
    whole, logits = classifier.best(texts), logits_alone(classifier, texts, title="t")
    monkeypatch.setattr(evaluation, "SLICE", size)
    found, invariance = answers_alone(classifier, texts, seed=0)
    for answers in (found, best_of(classifier, texts, size)):
        assert answers.labels.tolist() == whole.numbers.tolist() == logits.argmax(axis=1).tolist()
        assert answers.confidence == pytest.approx(whole.shares, abs=1e-5)
    assert found.uncalibrated == pytest.approx(softmax(logits).max(axis=1), abs=1e-6)
    assert variants["distilled_int8"][0].invariance is not None
    assert (invariance.flips_sorted, invariance.flips_shuffled) == (0, 0)
    assert invariance.largest_logit_change < 1e-4


def test_evidence_is_read_back(variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, tmp_path: Path) -> None:
    predictions = score(variants["cascade"][1], dataset, seed=0).predictions
    write_predictions(tmp_path, predictions)
    assert read_predictions(tmp_path) == predictions
