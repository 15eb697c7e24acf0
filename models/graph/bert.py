"""A BERT classifier as an ONNX graph of the operators that ONNX Runtime computes fastest, written node by node from the
weights.

Pattern matching over an exported graph (onnxruntime.transformers.optimizer) leaves out a fusion that it does not
recognize without a word; here the nodes are there by construction. The last layer works for [CLS] alone, token types
are zeros and folded into the positions.

LayerNorm is written as centring and SimplifiedLayerNormalization (Zhang and Sennrich 2019): ONNX Runtime 1.32's
LayerNormalization and SkipLayerNormalization walk element by element, at 5 ns each, where these three take 0.9
together. Its shift is left to the weights that read the state. Biases are additions of their own, not inputs of the
operator behind them: an integer product adds its bias at no cost (models/passes/quantize.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
Weights = Mapping[str, npt.NDArray[np.float32]]
OPSET = 17
IR_VERSION = 10
FUSED = "com.microsoft"
ACTIVATIONS = {"gelu": "Gelu", "gelu_new": "FastGelu"}  # what the feed-forward network may use
MASKED = -1e4  # added to the score of a padded token, whose share is then zero in fp32


@dataclass(frozen=True)
class State:
    """Hidden states: a tensor of the graph, and the LayerNorm's shift that is still to be added to every one of
    them.
    """

    tensor: str
    shift: Array


class Graph:
    """Nodes and initializers under construction, from these weights; every method returns the name of the tensor that
    it makes.
    """

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.weights = weights
        self.config = config

    def constant(self, name: str, value: Array) -> str:
        """Add a weight."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, name: str, value: Array) -> str:
        """Add a weight that was computed in double precision."""
        return self.constant(name, value.astype(np.float32))

    def node(self, operator: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def product(self, state: State, prefix: str, name: str) -> str:
        """Multiply by a torch Linear's weight, without its bias."""
        return self.node(
            "MatMul", [state.tensor, self.constant(f"{name}.weight", self.weights[f"{prefix}.weight"].T)], name
        )

    def bias(self, state: State, prefix: str) -> Array:
        """Return what is left to add to `product`: the Linear's bias, and what it makes of the state's shift."""
        return self.weights[f"{prefix}.weight"].astype(np.float64) @ state.shift + self.weights[f"{prefix}.bias"]

    def dense(self, state: State, prefix: str, name: str, more: Array | float = 0.0) -> str:
        """Apply a torch Linear, and add some more."""
        return self.add(self.product(state, prefix, f"{name}.product"), self.bias(state, prefix) + more, name)

    def add(self, product: str, bias: Array, name: str) -> str:
        """Add a bias."""
        return self.node("Add", [product, self.floats(f"{name}.bias", bias)], name)

    def residual(self, dense: str, before: str, prefix: str, name: str) -> State:
        """Add a layer's output to its input and apply the LayerNorm."""
        total = self.node("Add", [dense, before], f"{name}.sum")
        mean = self.node("ReduceMean", [total], f"{name}.mean", axes=[-1])
        return self.norm(self.node("Sub", [total, mean], f"{name}.centred"), prefix, name)

    def norm(self, centred: str, prefix: str, name: str) -> State:
        """Apply a LayerNorm to vectors whose mean is zero."""
        scale = self.constant(f"{name}.gamma", self.weights[f"{prefix}.weight"])
        epsilon = float(self.config["layer_norm_eps"])
        normed = self.node("SimplifiedLayerNormalization", [centred, scale], name, epsilon=epsilon, axis=-1)
        return State(normed, self.weights[f"{prefix}.bias"].astype(np.float64))


def bert_graph(
    weights: Weights, config: Mapping[str, Any], heads: list[int], head_size: int, cls_id: int
) -> onnx.ModelProto:
    """Return the graph from input ids and attention mask (batch, tokens) to logits (batch, labels).

    `heads` counts those of every layer. Every text has to begin with the token `cls_id`: the query of a lone layer is
    computed here from its embedding.
    """
    graph = Graph(weights, config)
    state = _embeddings(graph)
    if len(heads) == 1:
        cls = _only_layer(graph, state, _first_state(graph, cls_id), heads[0], head_size)
    else:
        mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
        for number, count in enumerate(heads[:-1]):
            state = _layer(graph, number, state, state, mask, count, head_size)
        first = State(
            graph.node("Gather", [state.tensor, graph.constant("first", np.array([0]))], "cls", axis=1), state.shift
        )
        last = _layer(graph, len(heads) - 1, first, state, mask, heads[-1], head_size)
        cls = State(
            graph.node("Squeeze", [last.tensor, graph.constant("tokens_axis", np.array([1]))], "cls_state"), last.shift
        )
    pooled = graph.node("Tanh", [graph.dense(cls, "bert.pooler.dense", "pooler")], "pooled")
    graph.dense(State(pooled, np.zeros(len(weights["bert.pooler.dense.bias"]))), "classifier", "logits")
    return _model(graph, len(weights["classifier.bias"]))


def _embeddings(graph: Graph) -> State:
    """Look up words and positions, both centred here, so that their sum needs no centring."""
    words, positions = _centred_tables(graph.weights)
    word = graph.node("Gather", [graph.floats("words.table", words), "input_ids"], "words")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    bounds = [
        graph.floats("positions.table", positions),
        graph.constant("start", np.array([0])),
        length,
        graph.constant("rows_axis", np.array([0])),
    ]
    total = graph.node("Add", [word, graph.node("Slice", bounds, "positions")], "embedded.centred")
    return graph.norm(total, "bert.embeddings.LayerNorm", "embedded")


def _centred_tables(weights: Weights) -> tuple[Array, Array]:
    prefix = "bert.embeddings"
    words = weights[f"{prefix}.word_embeddings.weight"].astype(np.float64)
    positions = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][
        0
    ].astype(np.float64)
    return _centred(words), _centred(positions)


def _centred(vectors: Array) -> Array:
    return vectors - vectors.mean(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def _first_state(graph: Graph, cls_id: int) -> Array:
    """Return the embedding of a text's first token, which is the same for all texts."""
    words, positions = _centred_tables(graph.weights)
    centred, prefix = words[cls_id] + positions[0], "bert.embeddings.LayerNorm"
    normed = centred / np.sqrt((centred**2).mean() + graph.config["layer_norm_eps"])
    return normed * graph.weights[f"{prefix}.weight"] + graph.weights[f"{prefix}.bias"]  # type: ignore[no-any-return]


def _layer(graph: Graph, number: int, query: State, state: State, mask: str, heads: int, head_size: int) -> State:
    prefix, name = f"bert.encoder.layer.{number}", f"layer{number}"
    reads = {"query": query, "key": state, "value": state}
    inputs = [
        *(graph.dense(read, f"{prefix}.attention.self.{part}", f"{name}.{part}") for part, read in reads.items()),
        "",
        mask,
    ]
    context = graph.node("MultiHeadAttention", inputs, f"{name}.context", FUSED, num_heads=heads, scale=head_size**-0.5)
    plain = State(context, np.zeros(heads * head_size))
    output = graph.dense(plain, f"{prefix}.attention.output.dense", f"{name}.attention_output", query.shift)
    attended = graph.residual(output, query.tensor, f"{prefix}.attention.output.LayerNorm", f"{name}.attended")
    return _feed_forward(graph, number, attended)


def _only_layer(graph: Graph, state: State, cls: Array, heads: int, head_size: int) -> State:
    """Attend from [CLS] when its state is a constant: key and value matrices meet one vector a head instead of every
    token.

    A score is (Wq cls + bq)·(Wk x + bk) = x·u + c: the vector u is computed here, and the softmax does not see c. As
    the shares of the tokens x sum to 1, their values mix to Σ p (Wv x + bv) = Wv (Σ p x) + bv (DeepSeek-V2 2024,
    section 2.1, absorbs its key and value matrices so).
    """
    prefix, name = "bert.encoder.layer.0", "layer0"
    matrices = {
        part: graph.weights[f"{prefix}.attention.self.{part}.weight"].astype(np.float64)
        for part in ("query", "key", "value")
    }
    by_head = {part: matrix.reshape(heads, head_size, -1) for part, matrix in matrices.items()}
    query = (matrices["query"] @ cls + graph.weights[f"{prefix}.attention.self.query.bias"]).reshape(heads, head_size)
    absorbed = np.einsum("hd,hdi->hi", query, by_head["key"]) * head_size**-0.5
    # States times weights, in fp32 (an integer product would take a MatMul): a constant on the right is packed once and
    # summed in one order. The other way round, ONNX Runtime cuts the sum by the number of tokens, and what is rounded
    # to integers after it would depend on a batch's longest text.
    by_token = graph.node(
        "FusedMatMul",
        [state.tensor, graph.floats(f"{name}.absorbed_query", absorbed.T)],
        f"{name}.scores_by_token",
        FUSED,
    )
    scores = graph.node("Transpose", [by_token], f"{name}.scores", perm=[0, 2, 1])
    added = graph.node("Gather", [graph.floats("mask.table", np.array([MASKED, 0.0])), "attention_mask"], "mask")
    added = graph.node("Unsqueeze", [added, graph.constant("heads_axis", np.array([1]))], "mask.heads")
    shares = graph.node("Softmax", [graph.node("Add", [scores, added], f"{name}.masked")], f"{name}.shares", axis=-1)
    mixed = graph.node("MatMul", [shares, state.tensor], f"{name}.mixed")  # (batch, heads, hidden)
    mixed = graph.node("Transpose", [mixed], f"{name}.mixed.heads_first", perm=[1, 0, 2])
    values = graph.node(
        "MatMul", [mixed, graph.floats(f"{name}.value.weight", by_head["value"].transpose(0, 2, 1))], f"{name}.value"
    )
    values = graph.node("Transpose", [values], f"{name}.value.batch_first", perm=[1, 0, 2])
    context = graph.node("Reshape", [values, graph.constant("joined", np.array([0, -1]))], f"{name}.context")
    # The residual is a constant too: it joins the bias, and weights and bias are centred here.
    dense = f"{prefix}.attention.output.dense"
    weight, bias = (
        graph.weights[f"{dense}.weight"].T.astype(np.float64),
        graph.bias(State(context, graph.bias(state, f"{prefix}.attention.self.value")), dense),
    )
    product = graph.node(
        "MatMul",
        [context, graph.floats(f"{name}.attention_output.weight", _centred(weight))],
        f"{name}.attention_output.product",
    )
    output = graph.add(product, _centred(bias + cls), f"{name}.attention_output")
    return _feed_forward(graph, 0, graph.norm(output, f"{prefix}.attention.output.LayerNorm", f"{name}.attended"))


def _feed_forward(graph: Graph, number: int, attended: State) -> State:
    prefix, name = f"bert.encoder.layer.{number}", f"layer{number}"
    inner = graph.dense(attended, f"{prefix}.intermediate.dense", f"{name}.intermediate")
    inner = graph.node(ACTIVATIONS[graph.config["hidden_act"]], [inner], f"{name}.activated", FUSED)
    width = len(graph.weights[f"{prefix}.intermediate.dense.bias"])
    output = graph.dense(State(inner, np.zeros(width)), f"{prefix}.output.dense", f"{name}.output", attended.shift)
    return graph.residual(output, attended.tensor, f"{prefix}.output.LayerNorm", f"{name}.state")


def _model(graph: Graph, labels: int) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])]
    content = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(content, opset_imports=opsets, ir_version=IR_VERSION, producer_name="bonsai")
