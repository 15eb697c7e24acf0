"""A teacher's model.onnx, held against what our classifier asks of a graph (no torch)."""

from pathlib import Path

import onnx
from onnx import TensorProto

from models.runtime.errors import BonsaiError

IDS, MASK, TYPES, LOGITS = "input_ids", "attention_mask", "token_type_ids", "logits"
EXPECTED = "expected a classifier in fp32 as optimum exports it: input_ids and attention_mask in, logits out"
SMALL = {TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.INT8, TensorProto.UINT8}


def read_graph(file: Path) -> int:
    """Return how many outputs a graph has, 0 where it does not say; refuse what cannot be served, or not be quantized
    (BonsaiError).
    """
    try:
        graph = onnx.load(file, load_external_data=False).graph
    except Exception as error:  # protobuf's own, of what is no model
        raise BonsaiError(f"{file.name} is no ONNX model, damaged or cut short ({error}); {EXPECTED}") from error
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {node.name for node in graph.input} - weights
    outputs = {node.name: node.type.tensor_type.shape.dim for node in graph.output}
    if not {IDS, MASK} <= inputs <= {IDS, MASK, TYPES} or LOGITS not in outputs:
        said = f"{', '.join(sorted(inputs)) or 'nothing'} in and {', '.join(outputs) or 'nothing'} out"
        raise BonsaiError(f"{file.name} has {said}; {EXPECTED}")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in graph.initializer):
        raise BonsaiError(f"{file.name} keeps its weights in other files; expected them in {file.name} itself")
    if any(tensor.data_type in SMALL for tensor in graph.initializer):
        raise BonsaiError(f"{file.name} holds weights in 16 or 8 bits; {EXPECTED}, as it was before it was quantized")
    return outputs[LOGITS][-1].dim_value if len(outputs[LOGITS]) == 2 else 0
