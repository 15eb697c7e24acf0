"""INT8 quantization of a variant's ONNX graph: weights per output channel, activations in one of two ways (no torch, so
that any image can do it).

Static scales are fixed by calibration, so a text's logits do not depend on its batch mates. The usual dynamic
quantization takes the scale from the least and the greatest value of the whole batch: whoever shares it changes the
logits, and with them now and then the label.

Without VNNI an x86 processor adds the products of two neighbouring inputs in 16 bits, and cuts larger sums short
(VPMADDUBSW; Intel's manual, volume 2). The weights are chosen so that no sum can be larger, whatever the activations
are: the file gives the same integers on every processor, at full speed.
"""

import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.graph.calibration import TrainingTexts, activation_ranges, is_product
from models.passes.half import halve_file
from models.recipe.passes import Quantize
from models.runtime.card import MODEL_FILE

FUSED = "com.microsoft"
LARGEST = (
    *range(127, 64, -4),
    64,
)  # what a channel's largest weight may become; at 64 no two neighbours are too large together
MOST_TOGETHER = 128  # of two neighbours with the same sign: 255 * 128 is less than 2**15, 255 * 129 is more
Array = npt.NDArray[Any]


def quantize(source: Path, target: Path, config: Quantize, _: TrainingTexts | None = None) -> None:
    """Write a copy of the folder `source`, which is calibrated, with weights of fewer bits to the folder `target`."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, target / name)
    if config.weights == "int8":
        quantize_file(source / MODEL_FILE, target / MODEL_FILE, config)
    else:
        halve_file(source / MODEL_FILE, target / MODEL_FILE, config.weights)


def quantize_file(source: Path, target: Path, config: Quantize) -> None:
    """Write an INT8 copy of the graph `source` to the file `target`."""
    model = onnx.load(source)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    draft = Rewrite(weights, activation_ranges(model) if config.activations == "static" else {})
    additions = bias_additions(model.graph, weights)
    done: set[str] = set()
    for node in model.graph.node:
        if is_product(node, weights) and (config.activations == "static" or weights[node.input[1]].ndim == 2):
            addition = additions.get(node.output[0])
            done.add((addition or node).output[0])
            getattr(draft, config.activations)(
                *node.input, addition.input[1] if addition else "", (addition or node).output[0]
            )
        elif config.embeddings and node.op_type == "Gather" and node.input[0] == "words.table":
            draft.words(node)
        elif node.output[0] not in done:
            draft.nodes.append(node)
    used = {name for node in draft.nodes for name in node.input}
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(draft.nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in draft.weights.items() if name in used
    )
    del model.metadata_props[:]
    onnx.save(model, target)


class Rewrite:
    """The nodes and weights of the quantized graph; one method a way to quantize activations."""

    def __init__(self, weights: dict[str, Array], ranges: dict[str, list[float]]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights = weights
        self._ranges = ranges
        self._quantized: dict[str, list[str]] = {}

    def static(self, source: str, weight: str, bias: str, output: str) -> None:
        """Quantize with the calibrated scale and multiply in integers."""
        if source not in self._quantized:
            scale, zero = asymmetric(*self._ranges[source])
            names = [self._add(f"{source}.scale", np.float32(scale)), self._add(f"{source}.zero", np.uint8(zero))]
            self._node("QuantizeLinear", [source, *names], f"{source}.u8", domain="")
            self._quantized[source] = [f"{source}.u8", *names]
        values, scale_name, zero_name = self._quantized[source]
        self._node("MatMulIntegerToFloat", [values, *self._integers(weight, scale_name, zero_name), "", bias], output)

    def dynamic_per_batch(self, source: str, weight: str, bias: str, output: str) -> None:
        """Quantize by the least and the greatest value of the batch."""
        values, scale = portable(self.weights[weight])
        names = [self._add(f"{weight}.s8", values), self._add(f"{weight}.scale", scale)]
        self._node("DynamicQuantizeMatMul", [source, *names, "", bias], output)

    def words(self, node: onnx.NodeProto) -> None:
        """Keep the word embeddings in int8, one scale a row."""
        table = self.weights[node.input[0]]
        values, scale = symmetric(table.T)
        integers = self._node(
            "Gather",
            [self._add("words.s8", np.ascontiguousarray(values.T.astype(np.int8))), node.input[1]],
            "words.integers",
            domain="",
        )
        cast = self._node("Cast", [integers], "words.floats", domain="", to=TensorProto.FLOAT)
        scales = self._node(
            "Gather", [self._add("words.scale", scale.T.astype(np.float32)), node.input[1]], "words.scales", domain=""
        )
        self._node("Mul", [cast, scales], node.output[0], domain="")

    def _integers(self, weight: str, scale: str, zero: str) -> list[str]:
        if f"{weight}.s8" not in self.weights:
            values, scales = portable(self.weights[weight])
            self._add(f"{weight}.s8", values)
            self._add(f"{weight}.scale", scales)
        return [f"{weight}.s8", scale, f"{weight}.scale", zero]

    def _add(self, name: str, value: Any) -> str:
        self.weights[name] = np.asarray(value)
        return name

    def _node(self, operator: str, inputs: list[str], output: str, domain: str = FUSED, **options: Any) -> str:
        while not inputs[-1]:
            inputs = inputs[:-1]  # optional ones that are not given
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **options))
        return output


def bias_additions(graph: onnx.GraphProto, weights: Container[str]) -> dict[str, onnx.NodeProto]:
    """Return the additions of a constant to a product, by the product's name: the integer products can add it
    themselves.
    """
    products = {node.output[0] for node in graph.node if is_product(node, weights)}
    return {
        node.input[0]: node
        for node in graph.node
        if node.op_type == "Add" and node.input[0] in products and node.input[1] in weights
    }


def symmetric(matrix: Array, largest: int = 127) -> tuple[Array, Array]:
    """Return a matrix (inputs, outputs), or one a head, as whole numbers up to `largest`, and one scale a column (…, 1,
    outputs).
    """
    scale = np.maximum(np.abs(matrix).max(axis=-2, keepdims=True), 1e-12) / largest
    return np.rint(matrix / scale), scale


def portable(matrix: Array) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return a matrix (inputs, outputs), or one a head, as signed integers whose products no x86 processor cuts short,
    and one scale a column.

    A finer scale has more neighbours that are too large together and must give way: each column takes what leaves the
    least squared error of its weights.
    """
    tried = [(_small_together(values), scale) for values, scale in (symmetric(matrix, largest) for largest in LARGEST)]
    errors = [((values * scale - matrix) ** 2).sum(axis=-2, keepdims=True) for values, scale in tried]
    best = np.argmin(errors, axis=0)
    values, scale = (np.choose(best, several) for several in zip(*tried, strict=True))
    return values.astype(np.int8), (scale if matrix.ndim > 2 else scale[0]).astype(np.float32)


def _small_together(values: Array) -> Array:
    """Take from two neighbouring inputs' weights, half from each, what their sum is too large by: the nearest pair that
    is not.
    """
    odd = values.shape[-2] % 2
    padded = np.concatenate([values, np.zeros_like(values[..., :odd, :])], axis=-2)
    first, second = padded[..., ::2, :], padded[..., 1::2, :]
    total = first + second
    excess = np.sign(total) * np.maximum(np.abs(total) - MOST_TOGETHER, 0)
    half = np.trunc(excess / 2)
    padded[..., ::2, :], padded[..., 1::2, :] = first - (excess - half), second - half
    return padded[..., : values.shape[-2], :]


def asymmetric(least: float, most: float) -> tuple[float, int]:
    """Return scale and zero point that spread a range, which is made to hold zero, over 0 to 255."""
    least, most = min(least, 0.0), max(most, 0.0)
    scale = max(most - least, 1e-12) / 255
    return scale, round(-least / scale)
