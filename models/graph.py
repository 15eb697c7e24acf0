"""A BERT classifier as an ONNX graph of ONNX Runtime's fused operators, written node by node from the weights.

Pattern matching over an exported graph (onnxruntime.transformers.optimizer) leaves out a fusion that it does not recognize without a word;
here the fused nodes are there by construction. The last layer works for [CLS] alone, token types are zeros and folded into the positions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, npt.NDArray[np.float32]]
OPSET = 17
IR_VERSION = 10
FUSED = "com.microsoft"
BIAS_ACTIVATIONS = {"gelu": "BiasGelu", "gelu_new": "FastGelu"}  # what the feed-forward network may use


class Graph:
    """Nodes and initializers under construction; every method returns the name of the tensor that it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a weight."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def dense(self, source: str, weights: Weights, prefix: str, name: str) -> str:
        """Multiply by a torch Linear's weight, without its bias: the operator after it adds that."""
        return self.node("MatMul", [source, self.constant(f"{name}.weight", weights[f"{prefix}.weight"].T)], name)


def bert_graph(weights: Weights, config: Mapping[str, Any], heads: list[int], head_size: int) -> onnx.ModelProto:
    """Return the graph from input ids and attention mask (batch, tokens) to logits (batch, labels); `heads` counts those of every layer."""
    graph = Graph()
    state = _embeddings(graph, weights, config)
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    first = graph.constant("first", np.array([0]))
    for number, count in enumerate(heads):
        query = state if number < len(heads) - 1 else graph.node("Gather", [state, first], "cls", axis=1)
        state = _layer(graph, weights, config, number, (query, state, mask), count, head_size)
    state = graph.node("Squeeze", [state, graph.constant("tokens_axis", np.array([1]))], "cls_state")
    for prefix, name in (("bert.pooler.dense", "pooler"), ("classifier", "classifier")):
        product = graph.dense(state, weights, prefix, name)
        state = graph.node("Add", [product, graph.constant(f"{name}.bias", weights[f"{prefix}.bias"])], f"{name}.sum" if name == "pooler" else "logits")
        if name == "pooler":
            state = graph.node("Tanh", [state], "pooled")
    return _model(graph, len(weights["classifier.bias"]))


def _embeddings(graph: Graph, weights: Weights, config: Mapping[str, Any]) -> str:
    prefix = "bert.embeddings"
    words = graph.node("Gather", [graph.constant("words.table", weights[f"{prefix}.word_embeddings.weight"]), "input_ids"], "words")
    table = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][0]
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    bounds = [graph.constant("positions.table", table), graph.constant("start", np.array([0])), length, graph.constant("rows_axis", np.array([0]))]
    positions = graph.node("Slice", bounds, "positions")
    return _norm(graph, weights, config, [words, positions], f"{prefix}.LayerNorm", "embedded", None)


def _layer(graph: Graph, weights: Weights, config: Mapping[str, Any], number: int, inputs: tuple[str, str, str], heads: int, head_size: int) -> str:
    query, state, mask = inputs
    prefix, name = f"bert.encoder.layer.{number}", f"layer{number}"
    parts = ("query", "key", "value")
    products = [graph.dense(query if part == "query" else state, weights, f"{prefix}.attention.self.{part}", f"{name}.{part}") for part in parts]
    bias = graph.constant(f"{name}.qkv.bias", np.concatenate([weights[f"{prefix}.attention.self.{part}.bias"] for part in parts]))
    options = {"num_heads": heads, "scale": head_size**-0.5}
    context = graph.node("MultiHeadAttention", [*products, bias, mask], f"{name}.context", FUSED, **options)
    output = graph.dense(context, weights, f"{prefix}.attention.output.dense", f"{name}.attention_output")
    attended = _norm(graph, weights, config, [output, query], f"{prefix}.attention.output.LayerNorm", f"{name}.attended", f"{prefix}.attention.output.dense")
    inner = graph.dense(attended, weights, f"{prefix}.intermediate.dense", f"{name}.intermediate")
    inner_bias = graph.constant(f"{name}.intermediate.bias", weights[f"{prefix}.intermediate.dense.bias"])
    inner = graph.node(BIAS_ACTIVATIONS[config["hidden_act"]], [inner, inner_bias], f"{name}.activated", FUSED)
    output = graph.dense(inner, weights, f"{prefix}.output.dense", f"{name}.output")
    return _norm(graph, weights, config, [output, attended], f"{prefix}.output.LayerNorm", f"{name}.state", f"{prefix}.output.dense")


def _norm(graph: Graph, weights: Weights, config: Mapping[str, Any], summands: list[str], prefix: str, name: str, bias: str | None) -> str:
    scale = graph.constant(f"{name}.gamma", weights[f"{prefix}.weight"])
    shift = graph.constant(f"{name}.beta", weights[f"{prefix}.bias"])
    extra = [graph.constant(f"{name}.bias", weights[f"{bias}.bias"])] if bias else []
    return graph.node("SkipLayerNormalization", [*summands, scale, shift, *extra], name, FUSED, epsilon=float(config["layer_norm_eps"]))


def _model(graph: Graph, labels: int) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])]
    content = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(content, opset_imports=opsets, ir_version=IR_VERSION, producer_name="bonsai")
