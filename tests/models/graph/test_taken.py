"""A graph of another exporter becomes one that passes and our classifier work on, and computes the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import BertForSequenceClassification

from models.build.builder import Builder
from models.data.dataset import Dataset
from models.plan.checkpoint import find_teacher
from models.plan.plan import make_plan
from models.recipe.recipe import Recipe
from models.runtime.card import read_card
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, trained: BertForSequenceClassification, tiny_checkpoint: Path
) -> Path:
    """A fine-tuned BERT as optimum leaves it: with token types, and its labels in an order of their own."""
    folder = tmp_path_factory.mktemp("onnx-bert")
    model = BertForSequenceClassification(trained.config).eval()
    model.load_state_dict(trained.state_dict())
    ids = torch.tensor([[2, 5, 6, 3]])
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(folder / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names} | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    config = trained.config.to_dict()
    names = list(reversed(list(trained.config.id2label.values())))  # as if so trained
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copyfile(tiny_checkpoint / "tokenizer.json", folder / "tokenizer.json")
    return folder


@pytest.fixture
def recipe_of(make_recipe: Callable[..., Recipe]) -> Callable[..., Recipe]:
    def make(folder: Path, passes: list[dict[str, object]]) -> Recipe:
        return make_recipe(teacher={"source": str(folder), "max_tokens": 48}, variants={"small": passes})

    return make


@pytest.mark.filterwarnings("ignore")
def test_a_foreign_graph_is_taken_quantized_and_trimmed(
    folder: Path, recipe_of: Callable[..., Recipe], dataset: Dataset, tmp_path: Path
) -> None:
    recipe = recipe_of(folder, [{"trim": {"tokens": 100}}, {"quantize": {}}])
    builder = Builder(make_plan(recipe, dataset, find_teacher(recipe.teacher)), tmp_path)
    teacher, small = builder.build("teacher"), builder.build("small")
    ids = np.array([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]])
    feed = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}
    given = open_session(folder / "model.onnx", 1).run(["logits"], feed | {"token_type_ids": np.zeros_like(ids)})[0]
    assert open_session(teacher / "model.onnx", 1).run(["logits"], feed)[0] == pytest.approx(given[:, ::-1], abs=1e-5)
    assert json.loads((teacher / "config.json").read_text())["id2label"] == {
        str(number): label for number, label in enumerate(dataset.labels)
    }
    card = read_card(small)
    assert {"torch", "transformers"}.isdisjoint(card.libraries)
    assert card.bytes < read_card(teacher).bytes
    operators = [node.op_type for node in onnx.load(small / "model.onnx").graph.node]
    assert operators.count("MatMulIntegerToFloat") >= 4 * 6
    assert card.agreement == 1.0


def test_what_cannot_be_served_or_trained_is_refused_in_a_sentence(
    folder: Path, recipe_of: Callable[..., Recipe], dataset: Dataset, built: Path, tmp_path: Path
) -> None:
    def refused(source: Path, passes: list[dict[str, object]]) -> str:
        recipe = recipe_of(source, passes)
        with pytest.raises(BonsaiError) as said:
            make_plan(recipe, dataset, find_teacher(recipe.teacher))
        return str(said.value)

    quantize: list[dict[str, object]] = [{"quantize": {}}]
    assert "distill: the teacher is an ONNX graph" in refused(folder, [{"distill": {"layers": 1}}])
    assert "weights in 16 or 8 bits" in refused(built / "int8", quantize)
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    config["id2label"]["0"] = "else"
    (other / "config.json").write_text(json.dumps(config))
    assert "it is for other labels than the data's" in refused(other, quantize)
    (other / "tokenizer.json").unlink()
    assert "tokenizer.json missing" in refused(other, quantize)
    (other / "model.onnx").write_bytes(b"no model")
    shutil.copyfile(folder / "tokenizer.json", other / "tokenizer.json")
    assert "is no ONNX model" in refused(other, quantize)
