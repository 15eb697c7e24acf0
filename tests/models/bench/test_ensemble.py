from pathlib import Path

import pytest
import torch

from models.bench.benchmark import open_build
from models.bench.ensemble import Ensemble
from models.data.dataset import Dataset, Split
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import soft_targets, tokenize
from models.train.encoder import load_model


@pytest.fixture(scope="module")
def ensemble(built: Path) -> Ensemble:
    return Ensemble(open_build(built, None)[1], built / ".steps", 10)


def test_the_transfer_set_is_what_the_teachers_mean_labels(
    ensemble: Ensemble, dataset: Dataset, tokenizer: Tokenizer
) -> None:
    taught, rows = ensemble.transfer_set, len(dataset.train)
    assert (ensemble.teachers, ensemble.transfer, len(taught)) == (2, 10, rows + 10)
    assert (taught.texts[:rows], taught.labels[:rows]) == (dataset.train.texts, dataset.train.labels)
    more = tokenize(tokenizer, Split(taught.texts[rows : rows + 10], taught.labels[rows : rows + 10]))
    logits = torch.stack([soft_targets(load_model(ensemble.folder(number)), more).logits for number in range(2)]).mean(
        0
    )
    assert taught.labels[rows:] == logits.argmax(-1).tolist()


def test_the_ceiling_is_the_accuracy_of_the_mean_logits(
    ensemble: Ensemble, dataset: Dataset, tokenizer: Tokenizer
) -> None:
    test = tokenize(tokenizer, dataset.test)
    logits = sum(soft_targets(load_model(ensemble.folder(number)), test).logits for number in range(2))
    assert isinstance(logits, torch.Tensor)
    assert ensemble.accuracy().value == pytest.approx(float((logits.argmax(-1) == test.labels).double().mean()))
