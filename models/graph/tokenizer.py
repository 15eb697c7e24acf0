"""The tokenizer of an exported folder, as ours and as transformers reads it."""

import json
from pathlib import Path

from tokenizers import Tokenizer as RawTokenizer

from models.runtime.tokenization import special_tokens


def write_tokenizer(file: Path, max_tokens: int, folder: Path) -> None:
    """Write a checkpoint's tokenizer without fixed padding, and the little that transformers needs to load it."""
    tokenizer = RawTokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = special_tokens(tokenizer, json.loads(file.read_text(encoding="utf-8")))
    if "pad" not in tokens:  # other programs pad with it, and the mask then hides it: any token will do
        tokens["pad"] = tokens["cls"]
    # The neutral class: BertTokenizerFast would put its own idea of lower case and accents in the place of the file's.
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_tokens,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{role}_token": token for role, token in tokens.items()},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
