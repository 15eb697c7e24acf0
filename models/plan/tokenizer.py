"""A checkpoint's tokenizer.json, held against its embeddings and against what transformers makes of it (neither torch
nor transformers).

AutoTokenizer reads tokenizer.json and then puts what tokenizer_config.json says, or its class takes for granted, in the
place of what stands there. We read tokenizer.json alone: where its tokens would be others, nobody can tell which of the
two the model was trained with.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers

from models.runtime.errors import BonsaiError
from models.runtime.files import refuse_pointer
from models.runtime.tokenizer_file import open_tokenizer, panics_as_errors

FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
MAP, TOKENS = "special_tokens_map.json", "added_tokens.json"  # read where CONFIG does not say what is added
SHORTER = "set teacher.max_tokens in the recipe"
BESIDE = (CONFIG, MAP, TOKENS)
DEFAULT = "BertTokenizer"  # a BERT's class where no file names one
UNKNOWN = "\N{EGYPTIAN HIEROGLYPH A001}"  # a character that hardly any vocabulary has
# The classes of transformers that set BERT's normalizer anew.
OVERRIDING = re.compile(
    r"(Bert|ConvBert|DistilBert|DPR\w*|Electra|Funnel|LayoutLM|Lxmert|MobileBert|MPNet|SqueezeBert)Tokenizer(Fast)?"
)
ADDED = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens")
FLAGS = ("lstrip", "rstrip", "single_word", "normalized")  # of an added token: where it is found in a text


def check_tokenizer(folder: Path, model: Mapping[str, Any], max_tokens: int) -> str:
    """Return the kind of the tokenizer's model; refuse a tokenizer that the embeddings or the classifier cannot follow,
    or that transformers reads otherwise (BonsaiError).
    """
    tokenizer = _open(folder / FILE)
    token, last = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if last >= (rows := model["vocab_size"]):
        raise BonsaiError(
            f"{FILE} has the token '{token}' with the number {last}, but the embeddings have {rows} rows (vocab_size); "
            "expected a row for every token: call resize_token_embeddings and save the model again, or take the "
            "tokenizer that it was trained with"
        )
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    config = _read_beside(folder / CONFIG)
    if config:
        _compare_options(config, tokenizer, model, folder)
    _compare_tokens(config, content, folder)
    longest = config.get("model_max_length")
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int | float)):
        raise BonsaiError(f"{CONFIG} has model_max_length {json.dumps(longest)}; expected a number of tokens")
    if longest is not None and max_tokens > longest:
        raise BonsaiError(
            f"max_tokens is {max_tokens}; expected at most {longest}, the model_max_length of {CONFIG}: {SHORTER}"
        )
    side = config.get("truncation_side") or (content.get("truncation") or {}).get("direction") or "right"
    if str(side).lower() != "right":
        raise BonsaiError(
            f"its tokenizer has truncation_side '{str(side).lower()}'; expected 'right', for long texts are cut at "
            f"their end here: train it so, and correct {FILE if 'truncation_side' not in config else CONFIG}"
        )
    return type(tokenizer.model).__name__


def said_by_the_file_alone(folder: Path, model: Mapping[str, Any]) -> str:
    """Return what transformers would take otherwise for want of a tokenizer_config.json, which is no contradiction but
    worth a word; nothing where it takes all as we do.
    """
    if (folder / CONFIG).exists():
        return ""
    option, there, here = _normalizer_at_odds(_open(folder / FILE), {}, str(model.get("tokenizer_class") or DEFAULT))
    return option and (
        f"{FILE} is followed, with {option} {json.dumps(here)}: AutoTokenizer takes it for {json.dumps(there)} in a "
        f"folder without {CONFIG}"
    )


def _normalizer_at_odds(tokenizer: tokenizers.Tokenizer, config: Mapping[str, Any], kind: str) -> tuple[str, Any, Any]:
    """Return the option of BERT's normalizer that a class of transformers sets otherwise than tokenizer.json, with its
    value there and here; an empty name where there is none.
    """
    if tokenizer.normalizer is None or not OVERRIDING.fullmatch(kind):
        return "", None, None
    own = json.loads(tokenizer.normalizer.__getstate__())
    if own.get("type") != "BertNormalizer":
        return "", None, None
    lower = config.get("do_lower_case", True)
    strip = config.get("strip_accents")
    pairs = {  # accents go with the capitals where nothing is said of them
        "do_lower_case": (lower, own["lowercase"]),
        "strip_accents": (lower if strip is None else strip, own["strip_accents"]),
        "tokenize_chinese_chars": (config.get("tokenize_chinese_chars", True), own["handle_chinese_chars"]),
    }
    if own["strip_accents"] is None:
        pairs["strip_accents"] = (pairs["strip_accents"][0], own["lowercase"])
    return next(((name, there, here) for name, (there, here) in pairs.items() if there != here), ("", None, None))


def _open(file: Path) -> tokenizers.Tokenizer:
    """Open a tokenizer that puts [CLS] and [SEP] around a text: BERT's classifier reads the first token's state, and
    one-layer variants take it for a constant. All graphs give every token the type 0.
    """
    refuse_pointer(file, FILE)
    try:
        tokenizer = open_tokenizer(file)
        with panics_as_errors():
            frame, encoded = tokenizer.encode("").tokens, tokenizer.encode(UNKNOWN)
            text = encoded.tokens
    except Exception as error:  # tokenizers raises no class of its own
        raise BonsaiError(
            f"{FILE} cannot be read ({error}); expected the file of a fast tokenizer that knows an unknown token"
        ) from error
    if len(frame) < 2 or text[0] != frame[0] or text[-1] != frame[-1]:
        raise BonsaiError(
            f"{FILE} puts {frame or 'nothing'} around a text; expected [CLS] before it and [SEP] after it"
        )
    if odd := [kind for kind in encoded.type_ids if kind]:
        raise BonsaiError(
            f"{FILE} gives tokens of a single text the type {odd[0]} (its post_processor's type_id); expected 0, which "
            "variants are served with"
        )
    return tokenizer


def _read_beside(file: Path) -> dict[str, Any]:
    """Return what a file beside tokenizer.json holds, nothing where there is none."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise BonsaiError(f"{file.name} is not JSON ({error}); expected what save_pretrained writes") from error
    if not isinstance(config, dict):
        raise BonsaiError(f"{file.name} holds no object; expected what save_pretrained writes")
    return config


def _compare_options(
    config: Mapping[str, Any], tokenizer: tokenizers.Tokenizer, model: Mapping[str, Any], folder: Path
) -> None:
    kind = str(config.get("tokenizer_class") or model.get("tokenizer_class") or DEFAULT)
    option, there, here = _normalizer_at_odds(tokenizer, config, kind)
    if option:
        where = f"has {option}" if config.get(option) is not None else f"leaves out {option}, which {kind} takes for"
        raise _contradiction(f"{CONFIG} {where} {json.dumps(there)}", json.dumps(here), folder)
    if config.get("split_special_tokens"):
        said = f"{CONFIG} has split_special_tokens true"
        raise _contradiction(said, "special tokens that are taken as they stand", folder)


def _compare_tokens(config: Mapping[str, Any], content: Mapping[str, Any], folder: Path) -> None:
    known = {entry["content"]: entry for entry in content.get("added_tokens") or ()}
    for file, token in _added(config, folder):
        name = str(token.get("content"))
        if (own := known.get(name)) is None:
            raise _contradiction(f"{file} adds the token '{name}'", "no such added token", folder)
        if odd := [flag for flag in FLAGS if flag in token and token[flag] != own.get(flag)]:
            there, here = json.dumps(token[odd[0]]), json.dumps(own.get(odd[0]))
            raise _contradiction(f"{file} has the token '{name}' with {odd[0]} {there}", here, folder)


def _added(config: Mapping[str, Any], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the tokens that the files beside tokenizer.json add, other than BERT's own five, with the file of each."""
    given = [(CONFIG, config.get(name)) for name in ADDED]
    if ADDED[0] not in config:
        given += [(MAP, _read_beside(folder / MAP).get(ADDED[1])), (TOKENS, list(_read_beside(folder / TOKENS)))]
    return [
        (file, token if isinstance(token, dict) else {"content": token})
        for file, tokens in given
        for token in (tokens.values() if isinstance(tokens, dict) else tokens if isinstance(tokens, list) else ())
    ]


def _contradiction(there: str, here: str, folder: Path) -> BonsaiError:
    return BonsaiError(
        f"{there}, {FILE} has {here}; expected two files that agree: correct the one that the model was not "
        f"trained with, or let AutoTokenizer.from_pretrained('{folder}').save_pretrained('{folder}') write both as "
        "transformers reads them"
    )
