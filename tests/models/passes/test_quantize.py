import copy
import json
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper
from transformers import BertConfig, BertForSequenceClassification

from models.graph.calibration import calibrate
from models.graph.export import export_onnx
from models.passes.quantize import portable, quantize_file
from models.recipe.passes import Quantize
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError
from models.train.distillation_data import DistillationData, Tokenized
from models.train.encoder import cls_only, keep_layers

ACTIVATIONS = Quantize.model_fields["activations"].annotation.__args__  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def fp32(
    trained: BertForSequenceClassification, distillation: DistillationData, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("fp32")
    export_onnx(trained, distillation.train.ids[0][0], folder)
    calibrate(folder / MODEL_FILE, distillation.train.ids)
    return folder


@pytest.fixture
def int8(fp32: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(**options: object) -> Path:
        quantize_file(fp32 / MODEL_FILE, tmp_path / MODEL_FILE, Quantize.model_validate(options))
        return tmp_path

    return run


def logits(folder: Path, data: Tokenized, rows: list[int]) -> np.ndarray:
    feed = {name: tensor.numpy() for name, tensor in data.batch(rows).items()}
    return open_session(folder / MODEL_FILE, 1).run(None, feed)[0]


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_the_file_is_smaller_and_the_logits_are_close(
    int8: Callable[..., Path], fp32: Path, data: Tokenized, activations: str, embeddings: bool
) -> None:
    folder = int8(activations=activations, embeddings=embeddings)
    assert (folder / MODEL_FILE).stat().st_size < (fp32 / MODEL_FILE).stat().st_size
    rows = list(range(len(data)))
    expected, found = logits(fp32, data, rows), logits(folder, data, rows)
    assert 0 < np.abs(found - expected).max() < 0.2 * np.ptp(expected)
    assert (found.argmax(-1) == expected.argmax(-1)).mean() >= 0.9


def test_logits_do_not_depend_on_batch_mates(int8: Callable[..., Path], data: Tokenized) -> None:
    folder, rows = int8(), [0, 4, 9, 20]
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


def int8_weights(file: Path) -> list[np.ndarray]:
    """Return the integer matrices of a graph's products."""
    graph = onnx.load(file).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return [
        weights[node.input[1]]
        for node in graph.node
        if node.op_type in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
    ]


def largest_sums(matrix: np.ndarray) -> tuple[int, int]:
    """Return the least and the greatest sum that VPMADDUBSW could meet: two neighbouring inputs of 0 to 255 times their
    weights, whole numbers.
    """
    padded = np.concatenate([matrix, np.zeros_like(matrix[..., : matrix.shape[-2] % 2, :])], axis=-2).astype(int)
    pairs = np.stack([padded[..., ::2, :], padded[..., 1::2, :]])
    return int((255 * np.minimum(pairs, 0).sum(0)).min()), int((255 * np.maximum(pairs, 0).sum(0)).max())


@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_no_product_can_be_cut_short_on_any_processor(
    int8: Callable[..., Path], lone: Path, tmp_path: Path, activations: str
) -> None:
    quantize_file(lone / MODEL_FILE, tmp_path / "lone.onnx", Quantize.model_validate({"activations": activations}))
    found = [*int8_weights(int8(activations=activations) / MODEL_FILE), *int8_weights(tmp_path / "lone.onnx")]
    assert len(found) > 24
    for matrix in found:
        low, high = largest_sums(matrix)
        assert -(2**15) <= low <= high < 2**15


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from(["normal", "equal", "heavy"]))
@settings(max_examples=60)
def test_portable_weights_are_close_and_small_together(inputs: int, outputs: int, seed: int, kind: str) -> None:
    draw = np.random.default_rng(seed)
    shape = (inputs, outputs)
    matrix = {
        "normal": draw.normal(size=shape),
        "equal": np.full(shape, draw.normal()),
        "heavy": draw.standard_t(2, size=shape),
    }[kind].astype(np.float32)
    values, scale = portable(matrix)
    low, high = largest_sums(values)
    assert -(2**15) <= low <= high < 2**15
    assert (
        np.abs(values * scale - matrix).max() <= np.abs(matrix).max(axis=0).max() / 64
    )  # no worse than a step of the coarsest scale
    assert ((values * scale - matrix) ** 2).sum() <= (
        (np.rint(matrix / (np.abs(matrix).max(0) / 64)) * np.abs(matrix).max(0) / 64 - matrix) ** 2
    ).sum() + 1e-9


def test_weights_keep_their_full_range_where_neighbours_allow_it() -> None:
    matrix = np.array([[127, 127], [1, -127], [50, 30]], dtype=np.float32)
    values, _ = portable(matrix)
    assert np.abs(values).max(axis=0).tolist() == [127, 127]


@pytest.mark.parametrize("rows", [1, 2, 7, 33])
@pytest.mark.parametrize("constant", [True, False])
def test_onnx_runtime_multiplies_them_exactly_with_no_option_of_ours(rows: int, constant: bool) -> None:
    """On a processor with VNNI this holds for any weights; on one without, only where no sum of neighbours is cut
    short.
    """
    draw = np.random.default_rng(rows)
    values, _ = portable(draw.standard_t(3, size=(385, 77)))
    activations = draw.choice([0, 255], size=(rows, 385)).astype(np.uint8)
    node = onnx.helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    shapes = [("a", TensorProto.UINT8, [None, 385]), *([] if constant else [("b", TensorProto.INT8, [385, 77])])]
    inputs = [onnx.helper.make_tensor_value_info(*shape) for shape in shapes]
    output = onnx.helper.make_tensor_value_info("y", TensorProto.INT32, [None, 77])
    graph = onnx.helper.make_graph(
        [node], "product", inputs, [output], [numpy_helper.from_array(values, "b")] if constant else []
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given_product = session.run(None, {"a": activations} if constant else {"a": activations, "b": values})[0]
    assert np.array_equal(given_product, activations.astype(int) @ values.astype(int))


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
        quantize_file(tmp_path / MODEL_FILE, tmp_path / MODEL_FILE, Quantize(activations="static"))


def test_calibration_notes_a_range_for_every_product(fp32: Path) -> None:
    graph = onnx.load(fp32 / MODEL_FILE)
    (ranges,) = [json.loads(entry.value) for entry in graph.metadata_props if "ranges" in entry.key]
    assert all(low < high for low, high in ranges.values())
    weights = {tensor.name for tensor in graph.graph.initializer}
    assert set(ranges) == {
        node.input[0] for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in weights
    }


@pytest.fixture(scope="module")
def lone(
    trained: BertForSequenceClassification, distillation: DistillationData, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model of one layer, whose value weights are one matrix a head."""
    folder = tmp_path_factory.mktemp("lone")
    export_onnx(keep_layers(copy.deepcopy(trained), [3]), distillation.train.ids[0][0], folder)
    calibrate(folder / MODEL_FILE, distillation.train.ids)
    return folder


@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_a_lone_layer_keeps_its_answers(lone: Path, data: Tokenized, tmp_path: Path, activations: str) -> None:
    quantize_file(lone / MODEL_FILE, tmp_path / MODEL_FILE, Quantize.model_validate({"activations": activations}))
    rows = list(range(len(data)))
    expected, found = logits(lone, data, rows), logits(tmp_path, data, rows)
    assert 0 < np.abs(found - expected).max() < 0.2 * np.ptp(expected)
    if activations == "static":
        alone = np.concatenate([logits(tmp_path, data, [row]) for row in rows])
        np.testing.assert_allclose(found, alone, rtol=0, atol=0.01 * np.ptp(expected))


def test_a_lone_layers_attention_is_the_same_to_the_last_bit_beside_a_longer_text(tmp_path: Path) -> None:
    """At 384 wide, ONNX Runtime cuts a sum into blocks whose size depends on the number of tokens, unless a constant
    stands on its right.
    """
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 384,
        "num_hidden_layers": 1,
        "num_attention_heads": 12,
        "intermediate_size": 64,
        "vocab_size": 300,
        "max_position_embeddings": 64,
    }
    model = cls_only(
        BertForSequenceClassification(BertConfig(**sizes, num_labels=5, hidden_act="gelu", initializer_range=0.2))
    ).eval()
    order = Random(0)
    ids = [[1, *(order.randrange(2, 300) for _ in range(length))] for length in [*range(4, 20), 50, 60]]
    export_onnx(model, ids[0][0], tmp_path)
    with_shares = onnx.load(tmp_path / MODEL_FILE)
    with_shares.graph.output.append(
        onnx.helper.make_tensor_value_info("layer0.shares", TensorProto.FLOAT, ["batch", "heads", "tokens"])
    )
    onnx.save(with_shares, tmp_path / "shares.onnx")
    session = open_session(tmp_path / "shares.onnx", 1)
    data = Tokenized([array("i", row) for row in ids], torch.zeros(len(ids)), 0)
    together = session.run(
        ["layer0.shares"], {name: tensor.numpy() for name, tensor in data.batch(list(range(len(ids)))).items()}
    )[0]
    for row in range(len(ids)):
        alone = session.run(["layer0.shares"], {name: tensor.numpy() for name, tensor in data.batch([row]).items()})[0]
        np.testing.assert_array_equal(together[row, :, : len(ids[row])], alone[0])


def test_a_lone_layers_value_weights_are_integers_with_a_scale_a_head_and_channel(lone: Path, tmp_path: Path) -> None:
    quantize_file(lone / MODEL_FILE, tmp_path / MODEL_FILE, Quantize())
    weights = {tensor.name: tensor for tensor in onnx.load(tmp_path / MODEL_FILE).graph.initializer}
    heads, _, size = weights["layer0.value.weight.s8"].dims
    assert weights["layer0.value.weight.s8"].data_type == TensorProto.INT8
    assert list(weights["layer0.value.weight.scale"].dims) == [heads, 1, size]


@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_biases_are_part_of_the_integer_products(int8: Callable[..., Path], activations: str) -> None:
    graph = onnx.load(int8(activations=activations) / MODEL_FILE).graph
    constants = {tensor.name for tensor in graph.initializer}
    assert not any(node.op_type == "Add" and set(node.input) & constants for node in graph.node)
