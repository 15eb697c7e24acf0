"""The tensors of a checkpoint's model.safetensors, held against what its config.json asks for: by the file's header
alone (no torch).

transformers fills what it misses with random numbers and says so in a warning; here whatever is not in the file is
found before anything is trained.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.runtime.errors import BonsaiError
from models.runtime.files import refuse_pointer

# every BERT has this tensor once: what stands before its name stands before all
WORDS = "embeddings.word_embeddings.weight"
FLOATS = ("F16", "BF16", "F32", "F64")
EXPECTED = "expected all weights of a BERT, as save_pretrained writes them"
BUFFERS = re.compile(r"(^|\.)embeddings\.(position_ids|token_type_ids)$")  # that older versions of transformers wrote
# What pretraining and the loss leave, without a share in a classifier's logits.
UNREAD_HEADS = re.compile(r"cls\.|(loss|criterion|class_weight|pos_weight)\w*(\.|$)")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """The stored name of every tensor that the file has for a BertForSequenceClassification, how many outputs its head
    has (0: it has none), and the first tensor outside of the body that no such model reads but whose training may have.
    """

    stored: dict[str, str]
    outputs: int
    beside: str = ""

    @property
    def has_pooler(self) -> bool:
        return "bert.pooler.dense.weight" in self.stored


def read_header(file: Path, config: Mapping[str, int]) -> Weights:
    """Find every tensor of the model, whatever one prefix the names have; refuse a body that is not whole
    (BonsaiError). Pooler and head may be missing.
    """
    tensors = _tensors(file)
    prefixes = [name.removesuffix(WORDS) for name in tensors if name == WORDS or name.endswith(f".{WORDS}")]
    if len(prefixes) != 1:
        found = f"{len(prefixes)} tensors named '…{WORDS}'" if prefixes else f"no '{WORDS}', but {_some(list(tensors))}"
        raise BonsaiError(f"model.safetensors has {found}; {EXPECTED}")
    stored = {}
    for name in body_shapes(config):
        full = prefixes[0] + name
        stored[f"bert.{name}"] = full if full in tensors else _old_name(full)
    pooler = {f"bert.{name}": prefixes[0] + name for name in _linear("pooler.dense", 1, 1)}
    if any(name in tensors for name in pooler.values()):
        stored |= pooler
    if missing := [name for name in stored.values() if name not in tensors]:
        raise BonsaiError(
            f"model.safetensors lacks {len(missing)} of the {len(stored)} tensors that config.json asks for: "
            f"{_some(missing)}; {EXPECTED}"
        )
    shapes = body_shapes(config) | _linear("pooler.dense", config["hidden_size"], config["hidden_size"])
    for name, full in stored.items():
        if (there := tensors[full][0]) != (asked := shapes[name.removeprefix("bert.")]):
            raise BonsaiError(
                f"model.safetensors: {full} is {_size(there)}, config.json asks for {_size(asked)}; expected the two "
                "files of one model"
            )
    head, outputs = _head(prefixes[0], tensors, config["hidden_size"])
    stored |= head
    if wrong := [name for name in stored.values() if tensors[name][1] not in FLOATS]:
        kind = tensors[wrong[0]][1]
        raise BonsaiError(
            f"model.safetensors: {wrong[0]} holds {kind} numbers; expected {', '.join(FLOATS)}: give the model as it "
            "was before it was quantized"
        )
    unread = sorted(tensors.keys() - stored.values())
    if inside := [name for name in unread if _is_inside(name, prefixes[0]) and not BUFFERS.search(name)]:
        raise BonsaiError(
            f"model.safetensors has {_some(inside)}, which a BERT of config.json's num_hidden_layers "
            f"{config['num_hidden_layers']} does not read; expected the two files of one model, with adapters merged "
            "into its weights (merge_and_unload of peft)"
        )
    root = prefixes[0].removesuffix("bert.")
    beside = [
        name for name in unread if not _is_inside(name, prefixes[0]) and not UNREAD_HEADS.match(name.removeprefix(root))
    ]
    return Weights(stored, outputs, beside[0] if beside else "")


def body_shapes(config: Mapping[str, int]) -> dict[str, Shape]:
    """Return the shape of every tensor of a BERT without its pooler."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, Shape] = {
        WORDS: (config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], hidden),
        **_norm("embeddings.LayerNorm", hidden),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for name in ("query", "key", "value"):
            shapes |= _linear(f"{layer}.attention.self.{name}", hidden, hidden)
        shapes |= _linear(f"{layer}.attention.output.dense", hidden, hidden) | _norm(
            f"{layer}.attention.output.LayerNorm", hidden
        )
        shapes |= _linear(f"{layer}.intermediate.dense", inner, hidden)
        shapes |= _linear(f"{layer}.output.dense", hidden, inner) | _norm(f"{layer}.output.LayerNorm", hidden)
    return shapes


def _tensors(file: Path) -> dict[str, tuple[Shape, str]]:
    """Return shape and number type of every tensor."""
    try:
        from safetensors import SafetensorError, safe_open  # only an environment that trains has it
    except ModuleNotFoundError as error:
        raise BonsaiError(
            "model.safetensors needs safetensors and torch, which are not installed here; run 'make env' in the "
            "project's folder, and build there, or give a fine-tuned teacher as an ONNX graph (model.onnx)"
        ) from error
    refuse_pointer(file, file.name)  # and of a file that may not be read, safetensors says that there is none
    try:
        with safe_open(file, "np") as opened:  # opening it checks the header against the file's length
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
            return {name: (tuple(tensor.get_shape()), tensor.get_dtype()) for name, tensor in slices.items()}
    except SafetensorError as error:
        raise BonsaiError(f"model.safetensors is damaged or cut short ({error}); expected a whole file") from error


def _head(prefix: str, tensors: Mapping[str, tuple[Shape, str]], hidden: int) -> tuple[dict[str, str], int]:
    """Return the head's tensors and its outputs: one linear layer beside a body that is called bert, as
    BertForSequenceClassification has it.
    """
    if not prefix.endswith("bert."):
        return {}, 0
    head = {name: prefix.removesuffix("bert.") + name for name in _linear("classifier", 1, 1)}
    if any(name not in tensors for name in head.values()):
        return {}, 0
    weight, bias = (tensors[name][0] for name in head.values())
    return (head, weight[0]) if len(weight) == 2 and weight[1] == hidden and bias == weight[:1] else ({}, 0)


def _is_inside(name: str, prefix: str) -> bool:
    """Tell whether a tensor belongs to the body that has this prefix."""
    parts = ("",) if prefix.endswith("bert.") else ("embeddings.", "encoder.", "pooler.")
    return name.startswith(tuple(prefix + part for part in parts))


def _linear(name: str, outputs: int, inputs: int) -> dict[str, Shape]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, size: int) -> dict[str, Shape]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _old_name(name: str) -> str:
    """Return what TensorFlow's BERT called a LayerNorm's two vectors; the first checkpoints, bert-base-uncased among
    them, still do.
    """
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''}" or "nothing"


def _size(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a single number"
