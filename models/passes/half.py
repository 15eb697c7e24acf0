"""Weights in 16 bits: half the file, computed in fp32 (no torch).

ONNX Runtime multiplies no 16-bit numbers on x86. The graph stores its weights as fp16 or bf16 and casts them: those of
products once, at load, where constant folding makes fp32 of them; the word embeddings row by row as they are looked up,
so that the table stays at 16 bits in memory too.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.runtime.errors import BonsaiError

FORMATS = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def halve_file(source: Path, target: Path, weights: Literal["fp16", "bf16"]) -> None:
    """Write a copy of the graph `source` with its matrices in 16 bits to the file `target` (BonsaiError where one is
    too large for the format).
    """
    model = onnx.load(source)
    kind = helper.tensor_dtype_to_np_dtype(FORMATS[weights])
    stored: list[onnx.TensorProto] = []
    casts: list[onnx.NodeProto] = []
    looked_up = {node.input[0]: node for node in model.graph.node if node.op_type == "Gather"}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            stored.append(tensor)
            continue
        with np.errstate(over="ignore"):
            halved = values.astype(kind)
        if not np.isfinite(halved.astype(np.float32)).all():
            raise BonsaiError(
                f"quantize: a weight of '{tensor.name}' is {np.abs(values).max():.0f}, more than {weights} holds; "
                "expected weights: bf16, or int8"
            )
        name = f"{tensor.name}.{weights}"
        stored.append(numpy_helper.from_array(halved, name))
        if lookup := looked_up.get(tensor.name):
            lookup.input[0] = name
            found = lookup.output[0]
            lookup.output[0] = f"{found}.{weights}"
            lookup.name = lookup.output[0]
            casts.append(helper.make_node("Cast", [lookup.output[0]], [found], found, to=TensorProto.FLOAT))
        else:
            casts.append(helper.make_node("Cast", [name], [tensor.name], tensor.name, to=TensorProto.FLOAT))
    nodes = _sorted([*casts, *model.graph.node], {tensor.name for tensor in stored})
    del model.graph.node[:], model.graph.initializer[:], model.metadata_props[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(stored)
    onnx.save(model, target)


def _sorted(nodes: list[onnx.NodeProto], known: set[str]) -> list[onnx.NodeProto]:
    """Return nodes in an order in which each finds what it reads: ONNX asks for one."""
    made = {name for node in nodes for name in node.output}
    ordered: list[onnx.NodeProto] = []
    while nodes:
        ready = [node for node in nodes if not (set(node.input) & made) - known]
        ordered += ready
        known = known | {name for node in ready for name in node.output}
        nodes = [node for node in nodes if node not in ready]
    return ordered
