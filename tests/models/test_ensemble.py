from pathlib import Path

import pytest
import torch

from models.architecture import load_model
from models.bench import open_build
from models.dataset import Dataset
from models.ensemble import Ensemble
from models.tokenization import Tokenizer
from models.training import signal_of, tokenize


@pytest.fixture(scope="module")
def ensemble(built: Path) -> Ensemble:
    return Ensemble(open_build(built, None)[1], built / ".steps", 10)


def test_the_transfer_set_is_what_the_teachers_mean_labels(ensemble: Ensemble, dataset: Dataset, tokenizer: Tokenizer) -> None:
    taught, rows = ensemble.transfer_set, len(dataset.train)
    assert (ensemble.teachers, ensemble.transfer, len(taught)) == (2, 10, rows + 10)
    assert (taught.texts[:rows], taught.labels[:rows]) == (dataset.train.texts, dataset.train.labels)
    more = tokenize(tokenizer, taught.take(list(range(rows, rows + 10))))
    logits = torch.stack([signal_of(load_model(ensemble.folder(number)), more).logits for number in range(2)]).mean(0)
    assert taught.labels[rows:] == logits.argmax(-1).tolist()


def test_the_ceiling_is_the_accuracy_of_the_mean_logits(ensemble: Ensemble, dataset: Dataset, tokenizer: Tokenizer) -> None:
    test = tokenize(tokenizer, dataset.test)
    logits = sum(signal_of(load_model(ensemble.folder(number)), test).logits for number in range(2))
    assert isinstance(logits, torch.Tensor)
    assert ensemble.accuracy().value == pytest.approx(float((logits.argmax(-1) == test.labels).double().mean()))
