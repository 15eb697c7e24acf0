import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from models.dataset import Dataset
from models.errors import BonsaiError
from models.fine_tune import fine_tune
from models.recipe import TeacherSource
from models.teacher import find_teacher, has_trained_head
from models.training import Tokenized

FineTune = Callable[[Path], BertForSequenceClassification]


@pytest.fixture
def headed(plain: BertForSequenceClassification, tiny_checkpoint: Path, dataset: Dataset, tmp_path: Path) -> Path:
    """A checkpoint with a trained head for the data set's labels, in the opposite order."""
    names = list(reversed(dataset.labels))
    plain.config.id2label, plain.config.label2id = dict(enumerate(names)), {name: number for number, name in enumerate(names)}
    plain.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((tiny_checkpoint / "tokenizer.json").read_bytes())
    return tmp_path


@pytest.fixture
def tune(dataset: Dataset, data: Tokenized, validation: Tokenized) -> FineTune:
    def run(folder: Path) -> BertForSequenceClassification:
        source = TeacherSource(source=str(folder), max_tokens=48, epochs=1)
        return fine_tune(find_teacher(source), dataset.labels, data, validation, source, seed=0)

    return run


def logits(model: BertForSequenceClassification, data: Tokenized) -> Tensor:
    with torch.inference_mode():
        return model(**data.batch([0, 1, 30])).logits


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def test_a_head_for_these_labels_is_kept_and_reordered(headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized) -> None:
    teacher = tune(headed)
    torch.testing.assert_close(logits(teacher, data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


def test_the_order_comes_from_id2label(headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized) -> None:
    edit(headed, label2id=...)
    torch.testing.assert_close(logits(tune(headed), data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["BertModel"]},
        {"architectures": ...},
        {"id2label": ..., "label2id": ...},
        {"id2label": {"0": "a", "1": "b", "2": "c", "3": "d"}, "label2id": {"a": 0, "b": 1, "c": 2, "d": 3}},
    ],
)
def test_any_other_checkpoint_is_trained(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, dataset: Dataset, data: Tokenized, changes: dict[str, object]
) -> None:
    assert has_trained_head(find_teacher(TeacherSource(source=str(headed), max_tokens=48)), dataset.labels)
    edit(headed, **changes)
    assert not has_trained_head(find_teacher(TeacherSource(source=str(headed), max_tokens=48)), dataset.labels)
    assert (logits(tune(headed), data) - logits(plain, data).flip(-1)).abs().max() > 0.01


def test_the_trained_teacher_names_its_labels_in_order(trained: BertForSequenceClassification, dataset: Dataset) -> None:
    assert trained.config.id2label == dict(enumerate(dataset.labels))
    assert trained.config.label2id == {label: number for number, label in enumerate(dataset.labels)}
    assert trained.classifier.out_features == len(dataset.labels)
    assert not trained.training


def test_no_remote_code_is_run(headed: Path, tune: FineTune, tmp_path: Path) -> None:
    (headed / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    edit(headed, auto_map={"AutoModelForSequenceClassification": "evil.Evil", "AutoConfig": "evil.Evil"})
    tune(headed)
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_cut_short_are_refused(headed: Path, tune: FineTune) -> None:
    weights = (headed / "model.safetensors").read_bytes()
    (headed / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(BonsaiError, match=r"model\.safetensors"):
        tune(headed)
