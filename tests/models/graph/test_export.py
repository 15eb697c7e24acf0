import random
from array import array
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers import BertForSequenceClassification

from models.graph.export import TOLERANCE, export_onnx, largest_difference
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError
from models.train.distillation_data import Tokenized
from models.train.encoder import cls_only, keep, keep_layers, layers


@pytest.fixture(params=["whole", "pruned", "two layers", "one layer", "one pruned layer"])
def model(request: pytest.FixtureRequest, plain: BertForSequenceClassification) -> BertForSequenceClassification:
    if "pruned" in request.param:
        for layer in layers(plain):
            keep(layer, [0, 2], list(range(32)))
    chosen = {"two layers": [1, 3], "one layer": [2], "one pruned layer": [2]}.get(request.param)
    return keep_layers(plain, chosen) if chosen else cls_only(plain)


@pytest.mark.parametrize("lengths", [(1,), (7,), (64,), (2, 9, 30), (64, 1, 33, 2)])
def test_logits_equal_at_several_lengths_and_padded(
    model: BertForSequenceClassification, data: Tokenized, tmp_path: Path, lengths: tuple[int, ...]
) -> None:
    export_onnx(model, data.ids[0][0], tmp_path)
    draw = random.Random(1)
    cls_id = data.ids[0][0]
    texts = Tokenized(
        [array("i", [cls_id, *(draw.randrange(4, 60) for _ in range(length - 1))]) for length in lengths],
        torch.zeros(len(lengths)),
        0,
    )
    batch = texts.batch(list(range(len(lengths))))
    with torch.inference_mode():
        expected = model(**batch).logits.numpy()
    given = open_session(tmp_path / MODEL_FILE, 1).run(None, {name: tensor.numpy() for name, tensor in batch.items()})[
        0
    ]
    assert expected.std() > 0.01
    np.testing.assert_allclose(given, expected, rtol=0, atol=TOLERANCE)


def test_batch_and_length_are_dynamic(plain: BertForSequenceClassification, data: Tokenized, tmp_path: Path) -> None:
    export_onnx(cls_only(plain), data.ids[0][0], tmp_path)
    inputs = {entry.name: entry.shape for entry in open_session(tmp_path / MODEL_FILE, 1).get_inputs()}
    assert set(inputs) == {"input_ids", "attention_mask"}
    assert all(isinstance(size, str) for shape in inputs.values() for size in shape)


def test_the_model_is_left_as_it_was(plain: BertForSequenceClassification, data: Tokenized, tmp_path: Path) -> None:
    export_onnx(cls_only(plain), data.ids[0][0], tmp_path)
    assert not any(module.training for module in plain.modules())


def test_a_graph_that_computes_something_else_is_refused(
    plain: BertForSequenceClassification, data: Tokenized, tmp_path: Path
) -> None:
    plain.bert.pooler.register_forward_hook(lambda *args: args[-1] * 1.01)  # torch alone does this
    with pytest.raises(BonsaiError, match=r"^export: the ONNX logits differ .* by \d.*; expected at most 1e-04"):
        export_onnx(cls_only(plain), data.ids[0][0], tmp_path)


@pytest.mark.parametrize("shift", [1e-2, pytest.param(np.nan)])
def test_a_sabotaged_file_differs(
    plain: BertForSequenceClassification, data: Tokenized, tmp_path: Path, shift: float
) -> None:
    export_onnx(cls_only(plain), data.ids[0][0], tmp_path)
    assert largest_difference(plain, tmp_path / MODEL_FILE, data.ids[0][0]) <= TOLERANCE
    graph = onnx.load(tmp_path / MODEL_FILE)
    bias = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [4])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(shift), bias.name))
    onnx.save(graph, tmp_path / MODEL_FILE)
    assert not largest_difference(plain, tmp_path / MODEL_FILE, data.ids[0][0]) <= TOLERANCE
