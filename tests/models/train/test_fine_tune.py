import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertForSequenceClassification

from models.data.dataset import Dataset, label_order
from models.plan.checkpoint import find_teacher
from models.plan.head import find_head
from models.recipe.recipe import TeacherSource
from models.runtime.errors import BonsaiError
from models.train.distillation_data import Tokenized
from models.train.fine_tune import fine_tune

FineTune = Callable[..., BertForSequenceClassification]


@pytest.fixture
def headed(plain: BertForSequenceClassification, tiny_checkpoint: Path, dataset: Dataset, tmp_path: Path) -> Path:
    """A checkpoint with a trained head for the data set's labels, in the opposite order."""
    names = list(reversed(dataset.labels))
    plain.config.id2label, plain.config.label2id = (
        dict(enumerate(names)),
        {name: number for number, name in enumerate(names)},
    )
    plain.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((tiny_checkpoint / "tokenizer.json").read_bytes())
    return tmp_path


@pytest.fixture
def tune(dataset: Dataset, data: Tokenized, validation: Tokenized) -> FineTune:
    def run(folder: Path, labels: tuple[str, ...] = dataset.labels) -> BertForSequenceClassification:
        source = TeacherSource(source=str(folder), max_tokens=48, epochs=1)
        return fine_tune(find_teacher(source), labels, data, validation, source, seed=0)

    return run


def logits(model: BertForSequenceClassification, data: Tokenized) -> Tensor:
    with torch.inference_mode():
        return model(**data.batch([0, 1, 30])).logits


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def test_a_head_for_these_labels_is_kept_and_reordered(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized
) -> None:
    teacher = tune(headed)
    torch.testing.assert_close(logits(teacher, data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


def test_the_order_comes_from_id2label(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized
) -> None:
    edit(headed, label2id=...)
    torch.testing.assert_close(logits(tune(headed), data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["BertModel"]},
        {"architectures": ...},
        {"id2label": ..., "label2id": ...},
        {"id2label": {"0": "a", "1": "b", "2": "c", "3": "d"}, "label2id": {"a": 0, "b": 1, "c": 2, "d": 3}},
        {"id2label": {"0": "late", "1": None, "2": 3, "3": ["charge"]}},
        {"id2label": {"0": "late", "1": "late", "2": "refund", "3": "charge"}},
    ],
)
def test_any_other_checkpoint_is_trained(
    headed: Path,
    tune: FineTune,
    plain: BertForSequenceClassification,
    dataset: Dataset,
    data: Tokenized,
    changes: dict[str, object],
) -> None:
    assert find_head(find_teacher(TeacherSource(source=str(headed), max_tokens=48)), dataset.labels).rows
    edit(headed, **changes)
    assert not find_head(find_teacher(TeacherSource(source=str(headed), max_tokens=48)), dataset.labels).rows
    assert (logits(tune(headed), data) - logits(plain, data).flip(-1)).abs().max() > 0.01


def weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")


def test_weights_under_a_prefix_are_those_weights(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized
) -> None:
    weights(headed, lambda tensors: {f"module.{name}": tensor for name, tensor in tensors.items()})
    torch.testing.assert_close(logits(tune(headed), data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tensors: {name: tensor for name, tensor in tensors.items() if "classifier" not in name},
            "have a head with 0 outputs",
        ),
        (
            lambda tensors: {name.removeprefix("bert."): tensor for name, tensor in tensors.items() if "bert." in name},
            "have a head with 0 outputs",
        ),
        (lambda tensors: {name: tensor for name, tensor in tensors.items() if "pooler" not in name}, "have no pooler"),
        (
            lambda tensors: {name: tensor for name, tensor in tensors.items() if ".layer.2." not in name},
            "lacks 16 of the",
        ),
    ],
)
def test_nothing_random_counts_as_trained(
    headed: Path, tune: FineTune, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], said: str
) -> None:
    weights(headed, change)
    with pytest.raises(BonsaiError, match=said):
        tune(headed)


@pytest.mark.parametrize("outputs", [1, 2, 3, 5])
def test_a_head_of_another_size_makes_room_for_a_new_one(
    headed: Path, tune: FineTune, dataset: Dataset, data: Tokenized, outputs: int
) -> None:
    weights(
        headed,
        lambda tensors: (
            tensors | {"classifier.weight": torch.ones(outputs, 32), "classifier.bias": torch.ones(outputs)}
        ),
    )
    edit(
        headed,
        id2label={str(number): f"mood {number}" for number in range(outputs)},
        label2id=...,
        problem_type="regression" if outputs == 1 else None,
    )
    teacher = tune(headed)
    assert logits(teacher, data).shape == (3, len(dataset.labels))
    assert teacher.classifier.weight.mean().abs() < 0.5  # begun afresh: the old one was all ones
    assert teacher.config.id2label == dict(enumerate(dataset.labels))


def test_the_same_seed_gives_the_new_head_and_pooler_the_same_first_weights(
    tiny_checkpoint: Path, tune: FineTune, tmp_path: Path, data: Tokenized
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "bare"))
    weights(folder, lambda tensors: {name: tensor for name, tensor in tensors.items() if "pooler" not in name})
    torch.testing.assert_close(logits(tune(folder), data), logits(tune(folder), data), rtol=0, atol=0)


@pytest.mark.parametrize(
    "named", [{str(number): f"LABEL_{number}" for number in range(12)}, {str(number): number for number in range(12)}]
)
def test_twelve_numbered_labels_stay_where_they_were_trained(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized, named: dict[str, object]
) -> None:
    torch.manual_seed(1)
    weight, bias = torch.randn(12, 32), torch.randn(12)
    weights(headed, lambda tensors: tensors | {"classifier.weight": weight, "classifier.bias": bias})
    edit(headed, id2label=named, label2id=...)
    plain.classifier.weight, plain.classifier.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
    labels = label_order({str(number) for number in range(12)})
    torch.testing.assert_close(logits(tune(headed, labels), data), logits(plain, data), rtol=0, atol=1e-5)
    as_text = tuple(sorted(labels))
    torch.testing.assert_close(
        logits(tune(headed, as_text), data), logits(plain, data)[:, list(map(int, as_text))], rtol=0, atol=1e-5
    )


def test_weights_in_half_precision_are_read_as_they_are(
    headed: Path, tune: FineTune, plain: BertForSequenceClassification, data: Tokenized
) -> None:
    weights(headed, lambda tensors: {name: tensor.half() for name, tensor in tensors.items()})
    edit(headed, dtype="float16")
    teacher = tune(headed)
    assert {parameter.dtype for parameter in teacher.parameters()} == {torch.float32}
    torch.testing.assert_close(logits(teacher, data), logits(plain, data).flip(-1), rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["classifier.bias", "bert.encoder.layer.2.output.dense.weight"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(headed: Path, tune: FineTune, name: str, number: float) -> None:
    weights(headed, lambda tensors: tensors | {name: torch.full_like(tensors[name], number)})
    with pytest.raises(BonsaiError, match=f"has NaN or infinity in {name}; expected numbers alone"):
        tune(headed)


@pytest.mark.parametrize(
    "changes",
    [
        {"return_dict": False},
        {"torchscript": True},
        {"output_attentions": True, "output_hidden_states": True},
        {"chunk_size_feed_forward": 5},
    ],
)
def test_how_logits_were_handed_out_changes_none(
    headed: Path,
    tune: FineTune,
    plain: BertForSequenceClassification,
    data: Tokenized,
    changes: dict[str, object],
) -> None:
    edit(headed, **changes)
    torch.testing.assert_close(logits(tune(headed), data), logits(plain, data).flip(-1), rtol=0, atol=1e-5)


def test_the_trained_teacher_names_its_labels_in_order(
    trained: BertForSequenceClassification, dataset: Dataset
) -> None:
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
