from pathlib import Path

import numpy as np
import pytest

from models.card import Card
from models.classifier import Classifier, Predictor
from models.confidence import calibration_error
from models.dataset import Dataset
from models.evaluate import logits_alone, score
from models.evidence import read_evidence, write_evidence
from models.perturb import typos
from models.statistics import macro_f1, wilson


@pytest.mark.parametrize("variant", ["teacher", "distilled_int8", "cascade"])
def test_the_card_says_what_the_predictor_scores_at_batch_1(variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, variant: str) -> None:
    card, predictor = variants[variant]
    gold = np.array(dataset.test.labels)
    alone = logits_alone(predictor, dataset.test.texts, title="t") if isinstance(predictor, Classifier) else None
    found = score(predictor, dataset, seed=0, alone=alone)
    answers = [predictor.predict([text])[0] for text in dataset.test.texts]
    given, confidence = np.array([predictor.labels.index(answer.label) for answer in answers]), np.array([answer.top[0][1] for answer in answers])
    assert found.evidence.given == given.tolist()
    assert found.evidence.confidence == pytest.approx(confidence, abs=1e-5)
    assert found.content["accuracy"] == card.accuracy == wilson(int((given == gold).sum()), len(gold))
    assert found.content["macro_f1"] == card.macro_f1 == macro_f1(gold, given, len(dataset.labels))
    assert card.calibration_error["after"] == pytest.approx(calibration_error(confidence, given == gold), abs=1e-5)
    mistyped = [predictor.labels.index(answer.label) for answer in predictor.predict([typos(text, 0) for text in dataset.test.texts])]
    assert found.evidence.typos == mistyped
    assert card.robustness["typos"] == pytest.approx((np.array(mistyped) == gold).mean())


def test_evidence_is_read_back(variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, tmp_path: Path) -> None:
    evidence = score(variants["cascade"][1], dataset, seed=0).evidence
    write_evidence(tmp_path, evidence)
    assert read_evidence(tmp_path) == evidence
