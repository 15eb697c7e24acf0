import copy
import json
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from transformers import BertConfig, BertForSequenceClassification

from models.architecture import cls_only, keep_layers
from models.card import MODEL_FILE
from models.classifier import open_session
from models.errors import BonsaiError
from models.export import export_onnx
from models.quantize import quantize
from models.recipe import Quantize
from models.training import Lesson, Tokenized

ACTIVATIONS = Quantize.model_fields["activations"].annotation.__args__  # type: ignore[union-attr]
FIXED = [way for way in ACTIVATIONS if "batch" not in way]  # a text's logits do not depend on its batch mates


@pytest.fixture(scope="module")
def fp32(trained: BertForSequenceClassification, lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fp32")
    export_onnx(trained, lesson.data.ids, folder)
    return folder


@pytest.fixture
def int8(fp32: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(**options: object) -> Path:
        quantize(fp32 / MODEL_FILE, tmp_path / MODEL_FILE, Quantize.model_validate(options))
        return tmp_path

    return run


def logits(folder: Path, data: Tokenized, rows: list[int]) -> np.ndarray:
    feed = {name: tensor.numpy() for name, tensor in data.batch(rows).items()}
    return open_session(folder / MODEL_FILE, 1).run(None, feed)[0]


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_the_file_is_smaller_and_the_logits_are_close(int8: Callable[..., Path], fp32: Path, data: Tokenized, activations: str, embeddings: bool) -> None:
    folder = int8(activations=activations, embeddings=embeddings)
    assert (folder / MODEL_FILE).stat().st_size < (fp32 / MODEL_FILE).stat().st_size
    rows = list(range(len(data)))
    expected, given = logits(fp32, data, rows), logits(folder, data, rows)
    assert 0 < np.abs(given - expected).max() < 0.2 * np.ptp(expected)
    assert (given.argmax(-1) == expected.argmax(-1)).mean() >= 0.9


@pytest.mark.parametrize("activations", FIXED)
def test_logits_do_not_depend_on_batch_mates(int8: Callable[..., Path], data: Tokenized, activations: str) -> None:
    folder, rows = int8(activations=activations), [0, 4, 9, 20]
    alone = np.concatenate([logits(folder, data, [row]) for row in rows])
    np.testing.assert_allclose(logits(folder, data, rows), alone, rtol=0, atol=1e-4)


def test_unsigned_activations_meet_signed_weights_scaled_by_channel(int8: Callable[..., Path]) -> None:
    """U8S8: the pair that VNNI multiplies."""
    graph = onnx.load(int8() / MODEL_FILE).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(products) >= 4 * 6  # every dense matrix of every layer
    for node in products:
        _, weight, input_scale, weight_scale, input_zero = node.input[:5]
        assert weights[weight].data_type == TensorProto.INT8
        assert weights[input_zero].data_type == TensorProto.UINT8
        assert list(weights[input_scale].dims) == []
        assert list(weights[weight_scale].dims) == [weights[weight].dims[1]]
        assert len(set(numpy_helper.to_array(weights[weight_scale]).tolist())) > 1
    assert not any(node.op_type == "MatMul" and node.input[1] in weights for node in graph.node)


def test_same_input_same_file(int8: Callable[..., Path]) -> None:
    first = (int8() / MODEL_FILE).read_bytes()
    assert (int8() / MODEL_FILE).read_bytes() == first


def test_the_source_is_left_as_it_was(int8: Callable[..., Path], fp32: Path) -> None:
    before = (fp32 / MODEL_FILE).read_bytes()
    int8()
    assert (fp32 / MODEL_FILE).read_bytes() == before


def test_static_scales_need_a_calibrated_graph(fp32: Path, tmp_path: Path) -> None:
    shutil.copyfile(fp32 / MODEL_FILE, tmp_path / MODEL_FILE)
    graph = onnx.load(tmp_path / MODEL_FILE)
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / MODEL_FILE)
    with pytest.raises(BonsaiError, match=r"no calibrated activation ranges; expected .*activations: "):
        quantize(tmp_path / MODEL_FILE, tmp_path / MODEL_FILE, Quantize(activations="static"))


def test_calibration_notes_a_range_for_every_product(fp32: Path) -> None:
    graph = onnx.load(fp32 / MODEL_FILE)
    (ranges,) = [json.loads(entry.value) for entry in graph.metadata_props if "ranges" in entry.key]
    assert all(low < high for low, high in ranges.values())
    weights = {tensor.name for tensor in graph.graph.initializer}
    assert set(ranges) == {node.input[0] for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in weights}


@pytest.fixture(scope="module")
def lone(trained: BertForSequenceClassification, lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer, whose value weights are one matrix a head."""
    folder = tmp_path_factory.mktemp("lone")
    export_onnx(keep_layers(copy.deepcopy(trained), [3]), lesson.data.ids, folder)
    return folder


@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_a_lone_layer_keeps_its_answers(lone: Path, data: Tokenized, tmp_path: Path, activations: str) -> None:
    quantize(lone / MODEL_FILE, tmp_path / MODEL_FILE, Quantize.model_validate({"activations": activations}))
    rows = list(range(len(data)))
    expected, given = logits(lone, data, rows), logits(tmp_path, data, rows)
    assert 0 < np.abs(given - expected).max() < 0.2 * np.ptp(expected)
    if activations in FIXED:
        alone = np.concatenate([logits(tmp_path, data, [row]) for row in rows])
        np.testing.assert_allclose(given, alone, rtol=0, atol=0.01 * np.ptp(expected))


def test_a_lone_layers_attention_is_the_same_to_the_last_bit_beside_a_longer_text(tmp_path: Path) -> None:
    """At 384 wide, ONNX Runtime cuts a sum into blocks whose size depends on the number of tokens, unless a constant stands on its right."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 384, "num_hidden_layers": 1, "num_attention_heads": 12, "intermediate_size": 64, "vocab_size": 300, "max_position_embeddings": 64}
    model = cls_only(BertForSequenceClassification(BertConfig(**sizes, num_labels=5, hidden_act="gelu", initializer_range=0.2))).eval()
    order = Random(0)
    ids = [[1, *(order.randrange(2, 300) for _ in range(length))] for length in [*range(4, 20), 50, 60]]
    export_onnx(model, ids, tmp_path)
    with_shares = onnx.load(tmp_path / MODEL_FILE)
    with_shares.graph.output.append(onnx.helper.make_tensor_value_info("layer0.shares", TensorProto.FLOAT, ["batch", "heads", "tokens"]))
    onnx.save(with_shares, tmp_path / "shares.onnx")
    session = open_session(tmp_path / "shares.onnx", 1)
    data = Tokenized([array("i", row) for row in ids], torch.zeros(len(ids)), 0)
    together = session.run(["layer0.shares"], {name: tensor.numpy() for name, tensor in data.batch(list(range(len(ids)))).items()})[0]
    for row in range(len(ids)):
        alone = session.run(["layer0.shares"], {name: tensor.numpy() for name, tensor in data.batch([row]).items()})[0]
        np.testing.assert_array_equal(together[row, :, : len(ids[row])], alone[0])


def test_a_lone_layers_value_weights_are_integers_with_a_scale_a_head_and_channel(lone: Path, tmp_path: Path) -> None:
    quantize(lone / MODEL_FILE, tmp_path / MODEL_FILE, Quantize())
    weights = {tensor.name: tensor for tensor in onnx.load(tmp_path / MODEL_FILE).graph.initializer}
    heads, _, size = weights["layer0.value.weight.s8"].dims
    assert weights["layer0.value.weight.s8"].data_type == TensorProto.INT8
    assert list(weights["layer0.value.weight.scale"].dims) == [heads, 1, size]


@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_biases_are_part_of_the_integer_products(int8: Callable[..., Path], activations: str) -> None:
    graph = onnx.load(int8(activations=activations) / MODEL_FILE).graph
    constants = {tensor.name for tensor in graph.initializer}
    assert not any(node.op_type == "Add" and set(node.input) & constants for node in graph.node)
