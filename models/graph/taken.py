"""A teacher that is an ONNX graph already: taken as it is, but for what a pass and our classifier ask of it (no
torch).
"""

import json
import math
import random
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.graph.bert import FUSED
from models.plan.checkpoint import Checkpoint
from models.plan.graph_file import IDS, LOGITS, MASK, TYPES
from models.plan.weights import body_shapes
from models.runtime.card import CARD_FILE, MODEL_FILE, read_card
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError

TABLE = "words.table"  # the word embeddings' name in our own graphs, by which passes find them
TOLERANCE = 1e-4
PROOF = ((1, 5), (3, 17))  # texts and tokens


def take_graph(
    checkpoint: Checkpoint, labels: tuple[str, ...], rows: tuple[int, ...], cls_id: int, draft: Path
) -> None:
    """Write `model.onnx`, without token types and its logits in the order of the labels (those at `rows`), and
    `config.json`; refuse a graph that gives others then (BonsaiError).
    """
    source = checkpoint.folder / MODEL_FILE
    model = onnx.load(source)
    graph = model.graph
    _leave_out_types(graph)
    _name_words(graph)
    _biases_behind(graph)
    if rows != tuple(range(len(rows))):
        _reorder(graph, rows)
    if FUSED not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(FUSED, 1))
    onnx.save(model, draft / MODEL_FILE)
    _prove(source, draft / MODEL_FILE, rows, cls_id, int(str(checkpoint.config["vocab_size"])))
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    config = {**checkpoint.config, **names}
    (draft / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def count_parameters(checkpoint: Checkpoint, labels: int) -> dict[str, int]:
    """Return the parameters of the model and of its encoder: by the card that lies beside it, or else those of a BERT
    of this configuration.
    """
    if (checkpoint.folder / CARD_FILE).exists():
        return read_card(checkpoint.folder).parameters
    config: dict[str, int] = checkpoint.config  # type: ignore[assignment]
    sizes = {name: math.prod(shape) for name, shape in body_shapes(config).items()}
    hidden = config["hidden_size"]
    return {
        "all": sum(sizes.values()) + hidden * (hidden + 1) + labels * (hidden + 1),
        "encoder": sum(size for name, size in sizes.items() if name.startswith("encoder.")),
    }


def _leave_out_types(graph: onnx.GraphProto) -> None:
    """Compute the token types, which are zeros for a text by itself."""
    for given in [node for node in graph.input if node.name == TYPES]:
        graph.input.remove(given)
        graph.node.insert(0, helper.make_node("Sub", [IDS, IDS], [TYPES], name=TYPES))


def _name_words(graph: onnx.GraphProto) -> None:
    """Call the word embeddings as our own graphs do."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Gather" and node.input[1] == IDS and node.input[0] in weights:
            old = node.input[0]
            if old != TABLE and sum(name == old for other in graph.node for name in other.input) == 1:
                weights[old].name = node.input[0] = TABLE


def _biases_behind(graph: onnx.GraphProto) -> None:
    """Put a constant that is added to a product behind it."""
    weights = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Add" and node.input[0] in weights:
            first, second = node.input
            node.input[:] = [second, first]


def _reorder(graph: onnx.GraphProto, rows: tuple[int, ...]) -> None:
    for node in graph.node:
        node.output[:] = [f"{LOGITS}.given" if name == LOGITS else name for name in node.output]
    graph.initializer.append(numpy_helper.from_array(np.array(rows), f"{LOGITS}.order"))
    graph.node.append(helper.make_node("Gather", [f"{LOGITS}.given", f"{LOGITS}.order"], [LOGITS], name=LOGITS, axis=1))


def _prove(source: Path, taken: Path, rows: tuple[int, ...], cls_id: int, vocabulary: int) -> None:
    order = random.Random(0)
    try:
        before, after = open_session(source, 1), open_session(taken, 1)
        types = any(node.name == TYPES for node in before.get_inputs())
        for texts, tokens in PROOF:
            ids = np.array([[cls_id, *(order.randrange(vocabulary) for _ in range(tokens - 1))] for _ in range(texts)])
            feed = {IDS: ids, MASK: np.ones_like(ids)}
            expected = before.run([LOGITS], feed | ({TYPES: np.zeros_like(ids)} if types else {}))[0][:, list(rows)]
            given = after.run([LOGITS], feed)[0]
            if given.shape != expected.shape or not np.abs(given - expected).max() <= TOLERANCE:
                raise ValueError("its logits become others where token types are left out")
    except Exception as error:  # what ONNX Runtime says of a graph has no class of its own
        reason = " ".join(str(error).split())[:200]
        raise BonsaiError(
            f"teacher '{source.parent.name}': {MODEL_FILE} cannot be used ({reason}); expected a BERT classifier with "
            "a dynamic batch and length"
        ) from error
