"""Vocabulary trimming: keep the word pieces that the training texts use most, and the letters to spell the rest with
(no torch).

A word whose piece is gone is spelled in shorter pieces; only a character that was never in the vocabulary becomes the
unknown token, as before. So it is with WordPiece, and with Unigram, which cuts a text into the pieces of most weight:
where they are all kept, no other way has become better.
"""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tokenizers
from onnx import numpy_helper

from models.graph.calibration import TrainingTexts, calibrate_folder
from models.recipe.passes import Trim
from models.runtime.card import MODEL_FILE
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import Tokenizer

TABLE = "words.table"


def trim(source: Path, target: Path, config: Trim, training: TrainingTexts) -> None:
    """Write model and tokenizer with `config.tokens` rows of word embeddings at most, besides single characters, bytes
    and special and added tokens.
    """
    shutil.copyfile(source / "tokenizer_config.json", target / "tokenizer_config.json")
    file = source / "tokenizer.json"
    tokenizer, raw = json.loads(file.read_text(encoding="utf-8")), tokenizers.Tokenizer.from_file(str(file))
    numbers = raw.get_vocab()
    counts = Counter(token for row in Tokenizer(file, training.max_tokens).encode(training.texts)[0] for token in row)
    frequent = {token for token, _ in counts.most_common(config.tokens)}
    added = [entry["content"] for entry in tokenizer["added_tokens"]]
    named = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    special = {*added, *(token for key, token in named.items() if key.endswith("_token"))}
    model = tokenizer["model"]
    vocabulary = dict(model["vocab"])  # of Unigram a list of pairs
    kept = [
        piece
        for piece in sorted(vocabulary, key=numbers.__getitem__)
        if numbers[piece] in frequent or piece in special or _is_letter(piece, model)
    ]
    behind = [
        piece for piece in sorted(added, key=numbers.__getitem__) if piece not in vocabulary
    ]  # as `tokenizers` numbers them
    names = [*kept, *behind]
    new_ids = {piece: number for number, piece in enumerate(names)}
    _keep_pieces(model, vocabulary, kept, new_ids)
    for entry in tokenizer["added_tokens"]:
        entry["id"] = new_ids[entry["content"]]
    tokenizer["added_tokens"].sort(key=lambda entry: entry["id"])
    _renumber(tokenizer.get("post_processor"), new_ids)
    (target / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    _keep_rows(source / MODEL_FILE, target / MODEL_FILE, [numbers[piece] for piece in names])
    shape = json.loads((source / "config.json").read_text(encoding="utf-8")) | {"vocab_size": len(names)}
    (target / "config.json").write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")
    calibrate_folder(target, training)  # its tokens are others now


def _is_letter(piece: str, model: dict[str, Any]) -> bool:
    """Tell whether a piece is a single character, at a word's beginning or inside it, or a byte that stands for one."""
    return len(piece.removeprefix(model.get("continuing_subword_prefix", ""))) == 1 or (
        bool(model.get("byte_fallback")) and piece.startswith("<0x")
    )


def _keep_pieces(model: dict[str, Any], vocabulary: dict[str, Any], kept: list[str], new_ids: dict[str, int]) -> None:
    if model["type"] == "Unigram":  # pairs of piece and weight, whose places are their numbers
        if model["unk_id"] is not None:
            model["unk_id"] = new_ids[model["vocab"][model["unk_id"]][0]]
        model["vocab"] = [[piece, vocabulary[piece]] for piece in kept]
    else:
        model["vocab"] = {piece: new_ids[piece] for piece in kept}


def _keep_rows(source: Path, target: Path, rows: list[int]) -> None:
    model = onnx.load(source)
    tables = [tensor for tensor in model.graph.initializer if tensor.name == TABLE]
    if not tables:
        raise BonsaiError(
            "trim: the teacher's graph has no table that input_ids alone look up, so its word embeddings are not "
            "known; leave trim out, or give the checkpoint that the graph was exported from"
        )
    for tensor in tables:
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(tensor)[rows]), TABLE))
    onnx.save(model, target)


def _renumber(post_processor: object, new_ids: dict[str, int]) -> None:
    """Give the special tokens of a post-processor their new numbers, whichever form it has."""
    if not isinstance(post_processor, dict):
        return
    for part in post_processor.get("processors", ()):  # Sequence
        _renumber(part, new_ids)
    for entry in post_processor.get("special_tokens", {}).values():  # TemplateProcessing
        entry["ids"] = [new_ids[token] for token in entry["tokens"]]
    for name in ("cls", "sep"):  # BertProcessing, RobertaProcessing
        if name in post_processor:
            post_processor[name][1] = new_ids[post_processor[name][0]]
