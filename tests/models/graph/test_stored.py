from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from transformers import BertForSequenceClassification

from models.graph.calibration import calibrate
from models.graph.export import export_onnx
from models.graph.stored import layer_matrices, read_sparse, stored, write_sparse
from models.passes.quantize import quantize_file
from models.passes.sparsify import sparsify
from models.recipe.passes import Quantize, Sparsify
from models.train.connections import linear_weights, sparsity
from models.train.distillation_data import DistillationData

CLS = 2


@pytest.fixture
def sparse(teacher: BertForSequenceClassification, distillation: DistillationData) -> BertForSequenceClassification:
    return sparsify(teacher, distillation, Sparsify(share=0.8, retrain=False), seed=0)


def test_the_zeros_of_the_model_are_those_of_its_file(sparse: BertForSequenceClassification, tmp_path: Path) -> None:
    export_onnx(sparse, CLS, tmp_path)
    found = stored(tmp_path / "model.onnx")
    layers = [[weight.detach() for weight in layer] for layer in linear_weights(sparse)]
    assert found.sparsity_by_layer == pytest.approx([sparsity(layer) for layer in layers])
    assert found.sparsity == pytest.approx(0.8, abs=0.01)
    assert found.bytes_compressed < found.bytes_sparse < (tmp_path / "model.onnx").stat().st_size


def test_zeros_stay_zeros_in_int8(sparse: BertForSequenceClassification, tmp_path: Path) -> None:
    export_onnx(sparse, CLS, tmp_path)
    file, small = tmp_path / "model.onnx", tmp_path / "int8.onnx"
    calibrate(file, [[CLS, 5, 6, 3], [CLS, 7, 3]])
    quantize_file(file, small, Quantize())
    floats, integers = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
        for path in (file, small)
    )
    names = [name for name in floats if f"{name}.s8" in integers and name.startswith("layer")]
    assert len(names) == 24
    assert all((integers[f"{name}.s8"][floats[name] == 0] == 0).all() for name in names)
    assert stored(small).sparsity >= stored(file).sparsity
    assert stored(small).bytes_sparse < small.stat().st_size


@pytest.mark.parametrize("numbers", [np.float32, np.float16, np.int8, np.int64])
def test_a_graph_comes_back_from_its_sparse_form(numbers: type, tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).integers(-3, 4, (7, 5))
    values = [drawn, np.zeros((3, 3)), np.ones((1, 9)), np.array(4), np.zeros((0, 2))]
    tensors = [numpy_helper.from_array(np.asarray(value, numbers), f"layer0.{n}") for n, value in enumerate(values)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    model = helper.make_model(helper.make_graph([], "graph", [], [output], tensors))
    content = write_sparse(onnx.ModelProto.FromString(model.SerializeToString()))
    assert read_sparse(content) == model
    assert [matrix.shape for matrix in layer_matrices(model)[0]] == [(7, 5), (3, 3), (1, 9), (0, 2)]
