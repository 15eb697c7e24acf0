import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)

from models.plan.weights import Weights, body_shapes, read_header
from models.runtime.errors import BonsaiError
from tests.conftest import TINY

Write = Callable[[dict[str, Tensor]], Weights]


@pytest.fixture(scope="module")
def config() -> BertConfig:
    return BertConfig(vocab_size=60, **TINY, num_labels=3)


@pytest.fixture(scope="module")
def whole(config: BertConfig) -> dict[str, Tensor]:
    """The tensors of a sequence classifier with three outputs."""
    return dict(BertForSequenceClassification(config).state_dict())


@pytest.fixture
def read(config: BertConfig, tmp_path: Path) -> Write:
    def write(tensors: dict[str, Tensor]) -> Weights:
        save_file(tensors, tmp_path / "model.safetensors")
        return read_header(tmp_path / "model.safetensors", config.to_dict())

    return write


def renamed(tensors: dict[str, Tensor], change: Callable[[str], str]) -> dict[str, Tensor]:
    return {change(name): tensor for name, tensor in tensors.items()}


def body(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith("bert.")}


def test_the_names_and_shapes_are_those_of_transformers(
    whole: dict[str, Tensor], config: BertConfig, read: Write
) -> None:
    found = read(whole)
    assert found.stored == {name: name for name in whole}
    assert (found.outputs, found.has_pooler) == (3, True)
    shapes = {f"bert.{name}": shape for name, shape in body_shapes(config.to_dict()).items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in body(whole).items() if "pooler" not in name}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.module."])
def test_one_prefix_before_all_names_is_seen_through(whole: dict[str, Tensor], read: Write, prefix: str) -> None:
    found = read(renamed(whole, lambda name: prefix + name))
    assert found == Weights({name: prefix + name for name in whole}, 3)


@pytest.mark.parametrize("prefix", ["", "module.", "0.auto_model."])
def test_a_body_alone_has_no_head_whatever_stands_before_it(whole: dict[str, Tensor], read: Write, prefix: str) -> None:
    found = read(renamed(body(whole), lambda name: prefix + name.removeprefix("bert.")))
    assert found == Weights({name: prefix + name.removeprefix("bert.") for name in body(whole)}, 0)


def test_names_that_tensorflow_gave_are_known(whole: dict[str, Tensor], read: Write) -> None:
    found = read(
        renamed(
            whole,
            lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ),
        )
    )
    assert found.stored.keys() == whole.keys()
    assert found.stored["bert.embeddings.LayerNorm.weight"] == "bert.embeddings.LayerNorm.gamma"


def test_a_masked_language_model_has_neither_pooler_nor_head(config: BertConfig, tmp_path: Path) -> None:
    BertForMaskedLM(config).save_pretrained(tmp_path)
    found = read_header(tmp_path / "model.safetensors", json.loads((tmp_path / "config.json").read_text()))
    assert (found.outputs, found.has_pooler) == (0, False)


def test_half_floats_are_floats(whole: dict[str, Tensor], read: Write) -> None:
    assert (
        read(
            {name: tensor.to(torch.float16 if "query" in name else torch.bfloat16) for name, tensor in whole.items()}
        ).outputs
        == 3
    )


QUERY, WORD, POSITIONS = (
    "bert.encoder.layer.3.attention.self.query.weight",
    "bert.embeddings.word_embeddings.weight",
    "bert.embeddings.position_embeddings.weight",
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda all: all.pop(QUERY),
            f"lacks 1 of the 71 tensors that config.json asks for: {QUERY}; expected all weights of a BERT",
        ),
        (
            lambda all: [all.pop(name) for name in list(all) if ".layer.3." in name],
            "lacks 16 of the 71 tensors .* and others; expected",
        ),
        (
            lambda all: all.pop("bert.pooler.dense.bias"),
            "lacks 1 of the 71 tensors that config.json asks for: bert.pooler.dense.bias",
        ),
        (
            lambda all: all.update({f"x.{QUERY}": all.pop(QUERY)}),
            f"lacks 1 of the 71 tensors that config.json asks for: {QUERY}",
        ),
        (
            lambda all: all.update({"odd": all.pop(WORD)}),
            "has no 'embeddings.word_embeddings.weight', but bert.embeddings",
        ),
        (
            lambda all: all.update({"other." + WORD: all[WORD].clone()}),
            "has 2 tensors named '…embeddings.word_embeddings.weight'",
        ),
        (
            lambda all: all.update({WORD: torch.zeros(59, 32)}),
            f"{WORD} is 59 x 32, config.json asks for 60 x 32; expected the two files of one model",
        ),
        (lambda all: all.update({QUERY: torch.zeros(16, 32)}), f"{QUERY} is 16 x 32, config.json asks for 32 x 32"),
        (lambda all: all.update({POSITIONS: torch.zeros(32)}), f"{POSITIONS} is 32, config.json asks for 64 x 32"),
        (
            lambda all: all.update({QUERY: torch.zeros(32, 32, dtype=torch.int8)}),
            f"{QUERY} holds I8 numbers; expected F16, BF16, F32, F64: .*before it was quantized",
        ),
        (dict.clear, "has no 'embeddings.word_embeddings.weight', but nothing"),
    ],
)
def test_a_body_that_is_not_whole_is_refused(
    whole: dict[str, Tensor], read: Write, change: Callable[[dict[str, Tensor]], object], said: str
) -> None:
    tensors = dict(whole)
    change(tensors)
    with pytest.raises(BonsaiError, match=rf"^model\.safetensors:? [^\n]*{said}[^\n]*$"):
        read(tensors)


@pytest.mark.parametrize(
    "shapes", [{"classifier.weight": (3, 16)}, {"classifier.bias": (4,)}, {"classifier.weight": (3,)}]
)
def test_a_head_of_another_form_is_none(
    whole: dict[str, Tensor], read: Write, shapes: dict[str, tuple[int, ...]]
) -> None:
    found = read({**whole, **{name: torch.zeros(shape) for name, shape in shapes.items()}})
    assert found.outputs == 0
    assert found.stored.keys() == body(whole).keys()


def test_what_else_training_leaves_does_not_matter(whole: dict[str, Tensor], read: Write, tmp_path: Path) -> None:
    more = {
        **whole,
        "bert.embeddings.position_ids": torch.arange(64)[None],
        "bert.embeddings.token_type_ids": torch.zeros(1, 64, dtype=torch.int64),
        "loss.weight": torch.ones(3),
        "loss_fct.pos_weight": torch.ones(3),
        "class_weights": torch.ones(3),
        "cls.predictions.bias": torch.ones(60),
    }
    assert read(more) == Weights({name: name for name in whole}, 3)
    assert load_file(tmp_path / "model.safetensors").keys() == more.keys()
    module = {f"module.{name}": tensor for name, tensor in more.items()}
    assert read(module) == Weights({name: f"module.{name}" for name in whole}, 3)


@pytest.mark.parametrize(
    "name",
    [
        "bert.encoder.layer.4.attention.self.query.weight",
        "bert.encoder.layer.0.attention.self.query.lora_A.default.weight",
        "bert.encoder.layer.0.output.adapters.mine.adapter_down.0.weight",
        "bert.embeddings.LayerNorm.gamma",
        "bert.prefix_tuning.wte.weight",
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_tensor_of_the_body_that_is_not_read_is_refused(
    whole: dict[str, Tensor], read: Write, name: str, prefix: str
) -> None:
    tensors = {**whole, name: torch.ones(32)}
    with pytest.raises(BonsaiError, match=f"^model.safetensors has {prefix}{name}, which .*num_hidden_layers 4 does "):
        read(renamed(tensors, lambda name: prefix + name))
    if "encoder" in name:  # a body alone
        with pytest.raises(BonsaiError, match="does not read; expected the two files of one model"):
            read(renamed(body(tensors), lambda name: prefix + name.removeprefix("bert.")))


@pytest.mark.parametrize("prefix", ["", "module.", "base_model.model."])
@pytest.mark.parametrize("name", ["pre_classifier.weight", "classifier.lora_A.default.weight", "log_sigma"])
def test_what_stands_beside_the_head_is_named(whole: dict[str, Tensor], read: Write, name: str, prefix: str) -> None:
    found = read(renamed({**whole, name: torch.ones(32)}, lambda name: prefix + name))
    assert (found.outputs, found.beside) == (3, prefix + name)


def test_the_heads_of_other_models_stand_beside_a_body(config: BertConfig, tmp_path: Path) -> None:
    for kind in (BertForMaskedLM, BertForPreTraining, BertForQuestionAnswering, BertForTokenClassification):
        kind(config).save_pretrained(tmp_path)
        assert read_header(tmp_path / "model.safetensors", config.to_dict()).stored
