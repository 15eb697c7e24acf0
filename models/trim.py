"""Vocabulary trimming: keep the word pieces that the training texts use most, and the letters to spell the rest with (no torch).

A word whose piece is gone is spelled in shorter pieces; only a character that was never in the vocabulary becomes [UNK], as before.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from models.card import MODEL_FILE
from models.recipe import Trim
from models.tokenization import Tokenizer

TABLE = "words.table"
SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def trim(source: Path, target: Path, config: Trim, texts: list[str], max_tokens: int) -> None:
    """Write model and tokenizer with `config.tokens` rows of word embeddings at most, besides single characters and special tokens."""
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    ids, _ = Tokenizer(source / "tokenizer.json", max_tokens).encode(texts)
    used = Counter(token for row in ids for token in row)
    frequent = {token for token, _ in used.most_common(config.tokens)}
    special = {entry["content"] for entry in tokenizer["added_tokens"]} | SPECIAL
    kept = [piece for piece, number in vocabulary.items() if number in frequent or piece in special or len(piece.removeprefix("##")) == 1]
    kept.sort(key=vocabulary.__getitem__)
    new_ids = {piece: number for number, piece in enumerate(kept)}
    tokenizer["model"]["vocab"] = new_ids
    for entry in tokenizer["added_tokens"]:
        entry["id"] = new_ids[entry["content"]]
    _renumber(tokenizer.get("post_processor"), new_ids)
    (target / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    _keep_rows(source / MODEL_FILE, target / MODEL_FILE, [vocabulary[piece] for piece in kept])


def unknown_rate(file: Path, texts: list[str], max_tokens: int) -> float:
    """Return the share of a text's tokens, over all texts, that a tokenizer does not know."""
    tokenizer = Tokenizer(file, max_tokens)
    ids, _ = tokenizer.encode(texts)
    tokens = [token for row in ids for token in row]
    return tokens.count(tokenizer.unknown_id) / len(tokens)


def _keep_rows(source: Path, target: Path, rows: list[int]) -> None:
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        if tensor.name == TABLE:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(tensor)[rows]), TABLE))
    onnx.save(model, target)


def _renumber(post_processor: object, new_ids: dict[str, int]) -> None:
    """Give the [CLS] and [SEP] of a post-processor their new numbers, whichever of the two forms it has."""
    if not isinstance(post_processor, dict):
        return
    for entry in post_processor.get("special_tokens", {}).values():  # TemplateProcessing
        entry["ids"] = [new_ids[token] for token in entry["tokens"]]
    for name in ("cls", "sep"):  # BertProcessing
        if name in post_processor:
            post_processor[name][1] = new_ids[post_processor[name][0]]
