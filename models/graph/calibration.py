"""Calibration for static quantization: the range of every activation that meets a weight matrix, noted in the fp32
graph's own file (no torch).
"""

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from models.runtime.card import MODEL_FILE
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import Tokenizer

CALIBRATION_ROWS = 256  # training texts that set the ranges of static quantization
RANGES_KEY = "bonsai.activation_ranges"


@dataclass(frozen=True)
class TrainingTexts:
    """The texts that a graph pass may look at, how many tokens the model reads of them, and the seed that draws
    some.
    """

    texts: list[str]
    max_tokens: int
    seed: int


def calibrate_folder(folder: Path, training: TrainingTexts) -> None:
    """Calibrate the graph of a folder over some training texts, cut into pieces by the tokenizer that lies beside
    it.
    """
    some = Random(training.seed).sample(training.texts, min(CALIBRATION_ROWS, len(training.texts)))
    calibrate(folder / MODEL_FILE, Tokenizer(folder / "tokenizer.json", training.max_tokens).encode(some)[0])


def calibrate(file: Path, token_ids: Iterable[list[int]]) -> None:
    """Run texts through an fp32 graph and note, for each input of a weight's product, the least and the greatest
    value.
    """
    model = onnx.load(file)
    weights = {tensor.name for tensor in model.graph.initializer}
    names = sorted({node.input[0] for node in model.graph.node if is_product(node, weights)})
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for ids in token_ids:  # one text at a time: padding must not widen a range
        feed = np.array([ids], dtype=np.int64)
        values = session.run(names, {"input_ids": feed, "attention_mask": np.ones_like(feed)})
        low = np.minimum(low, [value.min() for value in values])
        high = np.maximum(high, [value.max() for value in values])
    ranges = {name: [float(least), float(most)] for name, least, most in zip(names, low, high, strict=True)}
    helper.set_model_props(model, {RANGES_KEY: json.dumps(ranges)})
    onnx.save(model, file)


def activation_ranges(model: onnx.ModelProto) -> dict[str, list[float]]:
    """Return the ranges that `calibrate` noted (BonsaiError when there are none)."""
    for entry in model.metadata_props:
        if entry.key == RANGES_KEY:
            return json.loads(entry.value)  # type: ignore[no-any-return]
    raise BonsaiError(
        "quantize: the graph carries no calibrated activation ranges; expected one that 'python -m models.build' "
        "exported, or activations: dynamic_per_batch"
    )


def is_product(node: onnx.NodeProto, weights: Container[str]) -> bool:
    """Tell whether a node multiplies activations by a weight matrix."""
    return node.op_type == "MatMul" and node.input[1] in weights
