import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from transformers import BertForSequenceClassification

from models.graph.export import export_onnx
from models.passes.half import halve_file
from models.passes.quantize import quantize
from models.recipe.passes import Quantize
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError
from models.runtime.packing import open_packed, pack
from models.train.distillation_data import Tokenized
from models.train.encoder import keep_layers


def logits(folder: Path, data: Tokenized) -> np.ndarray:
    feed = {name: tensor.numpy() for name, tensor in data.batch(list(range(len(data)))).items()}
    return open_session(folder / MODEL_FILE, 1).run(None, feed)[0]


@pytest.fixture(params=["fp16", "bf16"])
def weights(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[[0, 1, 2, 3], [3]], ids=["four layers", "a lone layer"])
def exported(
    request: pytest.FixtureRequest, trained: BertForSequenceClassification, built: Path, tmp_path: Path
) -> Path:
    """An exported folder, of the full graph or that of a lone layer."""
    folder = tmp_path / "source"
    folder.mkdir()
    export_onnx(keep_layers(copy.deepcopy(trained), request.param), 2, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(built / "teacher" / name, folder / name)
    return folder


def test_the_file_is_halved_and_the_logits_are_close(
    exported: Path, data: Tokenized, weights: str, tmp_path: Path
) -> None:
    quantize(exported, tmp_path, Quantize(weights=weights))
    initializers = {t.name: t for t in onnx.load(tmp_path / MODEL_FILE).graph.initializer}
    matrices = [t for t in initializers.values() if len(t.dims) > 1 and t.data_type != onnx.TensorProto.INT64]
    assert matrices
    assert all(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize == 2 for tensor in matrices)
    full = logits(exported, data)
    largest = 1.0 if weights == "fp16" else np.abs(full).max()  # bf16 has eight bits of precision, fp16 eleven
    assert np.abs(logits(tmp_path, data) - full).max() < 1e-2 * largest


def test_optimum_and_transformers_load_it_as_it_is(built: Path, weights: str, tmp_path: Path) -> None:
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    quantize(built / "teacher", tmp_path, Quantize(weights=weights))
    shutil.copyfile(built / "teacher" / "config.json", tmp_path / "config.json")
    classify = pipeline(
        "text-classification",
        model=ORTModelForSequenceClassification.from_pretrained(tmp_path),
        tokenizer=AutoTokenizer.from_pretrained(tmp_path),
    )
    labels = json.loads((tmp_path / "config.json").read_text())["id2label"].values()
    assert classify("where is my parcel")[0]["label"] in labels


def test_packed_it_gives_the_same_logits(built: Path, data: Tokenized, weights: str, tmp_path: Path) -> None:
    halve_file(built / "teacher" / MODEL_FILE, tmp_path / MODEL_FILE, weights)
    pack(tmp_path / MODEL_FILE, tmp_path / "packed")
    feed = {name: tensor.numpy() for name, tensor in data.batch([0, 1]).items()}
    packed = open_packed(tmp_path / "packed", 1).run(None, feed)[0]
    assert np.abs(packed - open_session(tmp_path / MODEL_FILE, 1).run(None, feed)[0]).max() < 1e-5


def test_a_weight_that_fp16_cannot_hold_is_refused(built: Path, tmp_path: Path) -> None:
    model = onnx.load(built / "teacher" / MODEL_FILE)
    tensor = next(t for t in model.graph.initializer if t.name == "layer0.query.product.weight")
    values = numpy_helper.to_array(tensor).copy()
    values[0, 0] = 70_000
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(BonsaiError, match=r"'layer0.query.product.weight' is 70000, more than fp16 holds"):
        halve_file(tmp_path / "large.onnx", tmp_path / MODEL_FILE, "fp16")
    assert not (tmp_path / MODEL_FILE).exists()
    halve_file(tmp_path / "large.onnx", tmp_path / MODEL_FILE, "bf16")
