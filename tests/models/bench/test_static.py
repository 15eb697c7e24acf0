from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.bench.benchmark import open_build
from models.bench.controls import write_plain
from models.bench.ensemble import Ensemble
from models.bench.quiet import quiet
from models.bench.static import StaticClassifier, distill_static, fit_static
from models.data.dataset import Dataset, Split
from models.runtime.errors import BonsaiError
from tests.models.conftest import MAX_TOKENS

pytest.importorskip("model2vec", reason="static embeddings are made by model2vec")


@pytest.fixture(scope="module")
def static(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny teacher, distilled."""
    folder = tmp_path_factory.mktemp("static") / "plain"
    with quiet():
        write_plain(Ensemble(open_build(built, None)[1], built / ".steps", 0).folder(0), built / "teacher", folder)
    return distill_static(folder)


def test_the_trained_network_is_what_answers(static: Any, dataset: Dataset) -> None:
    answer, size, made = fit_static(static, dataset, dataset.train, MAX_TOKENS, 0)
    labels = [dataset.labels[label] for label in dataset.train.labels]
    right = sum(given == label for given, label in zip(answer(dataset.train.texts), labels, strict=True))
    assert right > 0.8 * len(labels)
    assert size > 0
    assert "best after" in made
    again, *_ = fit_static(static, dataset, dataset.train, MAX_TOKENS, 0)
    assert again(dataset.test.texts) == answer(dataset.test.texts)


def test_a_text_is_the_weighted_mean_of_its_pieces() -> None:
    torch.manual_seed(0)
    model = StaticClassifier(torch.randn(5, 4), 3)
    model.weights.data = torch.randn(5)
    with torch.inference_mode():
        logits = model([[0, 3, 3], [], [4]])
        mean = (torch.sigmoid(model.weights)[:, None] * model.vectors)[[0, 3, 3]].mean(0)
        expected = model.output(torch.relu(model.hidden(torch.stack([mean / mean.norm(), torch.zeros(4)]))))
    assert torch.allclose(logits[:2], expected, atol=1e-6)


def test_texts_without_a_known_piece_are_refused(static: Any, dataset: Dataset) -> None:
    blank = Split([" ", "  "], [0, 1])
    with pytest.raises(BonsaiError, match="no training text holds a piece of the teacher's vocabulary"):
        fit_static(static, replace(dataset, validation=blank), blank, MAX_TOKENS, 0)
