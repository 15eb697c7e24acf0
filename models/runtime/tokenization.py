"""Text to token ids, the same way in training, evaluation and serving (`tokenizers` only, no torch).

WordPiece cuts a text into words first and every word into pieces on its own. So the pieces of a word are looked up
where they are known already, which takes an eighth of the time; texts of anything but printable ASCII, and what names a
special token, go through `tokenizers` whole.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import tokenizers

from models.runtime.tokenizer_file import open_tokenizer, panic

# A text beyond this many characters a token is cut before it is tokenized, so that a megabyte costs no more than a
# page. WordPiece turns a word of over 100 characters into one [UNK]: 128 characters a token lose nothing that people
# write.
CHARACTERS_PER_TOKEN = 128
WORDS = re.compile(
    r"[0-9A-Za-z]+|[^0-9A-Za-z ]"
)  # BERT's words in printable ASCII: letters and digits in a row, and each mark of punctuation
AT_ONCE = 1024  # texts; what `tokenizers` notes of a text takes a hundred times the memory of its ids
MOST_BYTES = 8 * 2**20  # of remembered words, a tokenizer: some 30,000 of English
NUMBER_BYTES, PLACE_BYTES = 32, 100
LONGEST_WORD = 100  # characters of a word that is remembered: WordPiece makes one [UNK] of any longer one


class Tokenizer:
    """The tokenizer of a model folder, with padding left to the batch and truncation at `max_tokens`."""

    def __init__(self, file: Path, max_tokens: int) -> None:
        self._tokenizer = open_tokenizer(file)
        self._tokenizer.enable_truncation(max_tokens)
        self.max_tokens = max_tokens
        self._longest = max_tokens * CHARACTERS_PER_TOKEN
        self._pieces: dict[str, tuple[int, ...]] = {}  # of words met before
        self._bytes = 0  # what they take
        self._remembering = Lock()
        self.frame: list[int] = self._tokenizer.encode("").ids  # what stands around every text: [CLS] and [SEP]
        self._room = max_tokens - len(self.frame)
        if self._room < 1:
            raise ValueError(f"{len(self.frame)} tokens stand around every text; expected fewer than {max_tokens}")
        content = json.loads(file.read_text(encoding="utf-8"))
        ids = {
            role: self._tokenizer.token_to_id(token) for role, token in special_tokens(self._tokenizer, content).items()
        }
        self.unknown_id: int = ids.get("unk", -1)  # no id where every text can be spelled
        self.pad_id: int = ids.get("pad", 0)
        # Every special token begins with one of these; of BERT's it is the bracket.
        self._openings = "".join({entry["content"][0] for entry in content.get("added_tokens", ())})
        self._by_words = len(self.frame) == 2 and words_are_independent(content)

    def vocabulary(self) -> dict[str, int]:
        """Return the number of every word piece."""
        return self._tokenizer.get_vocab()  # type: ignore[no-any-return]

    @cached_property
    def last_id(self) -> int:
        """The largest number of a word piece."""
        return max(self.vocabulary().values())

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """Return the token ids of every text, and whether it was longer than the model reads."""
        ids: list[list[int]] = []
        truncated: list[bool] = []
        others: list[int] = []
        for place, text in enumerate(texts):
            cut = len(text) > self._longest
            text = text[: self._longest] if cut else text
            if (
                self._by_words
                and text.isascii()
                and text.isprintable()
                and not any(opening in text for opening in self._openings)
            ):
                row = self._look_up(text)
                cut = cut or len(row) > self._room
                ids.append([self.frame[0], *row[: self._room], self.frame[1]])
            else:
                others.append(place)
                ids.append([])
            truncated.append(cut)
        for start in range(0, len(others), AT_ONCE):
            some = others[start : start + AT_ONCE]
            whole = self._encode_whole([texts[place][: self._longest] for place in some])
            for place, encoding in zip(some, whole, strict=True):
                ids[place] = encoding.ids
                truncated[place] = truncated[place] or bool(encoding.overflowing)
        return ids, truncated

    def _look_up(self, text: str) -> list[int]:
        """Return the pieces of a text's words, a few more than there is room for at the most."""
        ids: list[int] = []
        for word in WORDS.findall(text):
            ids += self._pieces.get(word) or self._learn(word)
            if len(ids) > self._room:
                break
        return ids

    def _learn(self, word: str) -> tuple[int, ...]:
        """Cut a word into pieces, and remember it; all words are forgotten when they would take more than
        MOST_BYTES.
        """
        pieces = tuple(
            token.id for token in self._tokenizer.model.tokenize(self._tokenizer.normalizer.normalize_str(word))
        )
        if len(word) <= LONGEST_WORD:
            with self._remembering:
                self._bytes += bytes_to_remember(word, pieces)
                if self._bytes > MOST_BYTES:
                    self._pieces.clear()
                    self._bytes = bytes_to_remember(word, pieces)
                self._pieces[word] = pieces
        return pieces

    def _encode_whole(self, texts: list[str]) -> list[tokenizers.Encoding]:
        try:
            if len(texts) == 1:  # the thread pool behind encode_batch costs more than a short text
                return [self._tokenizer.encode(texts[0])]
            return self._tokenizer.encode_batch_fast(texts)  # type: ignore[no-any-return]
        except BaseException as problem:
            if (said := panic(problem)) is None:
                raise
            raise said from problem  # or it would end the thread that all requests share


def normalization(file: Path) -> Callable[[str], str]:
    """Return what a tokenizer.json makes of a text before it looks into its vocabulary: its words and marks in lower
    case and the like, a blank between them. Texts that are equal then (`card ?` and `card?`) are equal to the model.
    """
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    normalizer, cutter = tokenizer.normalizer, tokenizer.pre_tokenizer

    def normalize(text: str) -> str:
        plain = normalizer.normalize_str(text) if normalizer is not None else text
        return " ".join([word for word, _ in cutter.pre_tokenize_str(plain)] if cutter is not None else plain.split())

    return normalize


def special_tokens(tokenizer: tokenizers.Tokenizer, content: dict[str, Any]) -> dict[str, str]:
    """Return the special tokens of a tokenizer.json, which must not pad, by their roles: unk, cls, sep, pad and mask,
    whatever they are called.
    """
    model, frame = content["model"], tokenizer.encode("").tokens
    unknown = model["vocab"][model["unk_id"]][0] if model.get("unk_id") is not None else model.get("unk_token")
    found = {"unk": unknown, "cls": frame[0] if frame else None, "sep": frame[-1] if frame else None}
    added = [entry["content"] for entry in content.get("added_tokens", ())]
    for role, fixed in (("pad", (content.get("padding") or {}).get("pad_token")), ("mask", None)):
        names = (
            fixed,
            f"[{role.upper()}]",
            f"<{role}>",
            *(name for name in added if name.strip("[]<>|_").lower() == role),
        )
        found[role] = next(
            (name for name in names if name is not None and tokenizer.token_to_id(name) is not None), None
        )
    return {role: token for role, token in found.items() if token is not None}


def bytes_to_remember(word: str, pieces: tuple[int, ...]) -> int:
    """Return what a word and its pieces take in a dictionary: both objects, the numbers, and a place in a table that
    may have just grown.
    """
    return sys.getsizeof(word) + sys.getsizeof(pieces) + NUMBER_BYTES * len(pieces) + PLACE_BYTES


def words_are_independent(content: dict[str, object]) -> bool:
    """Tell whether a tokenizer.json cuts a text into BERT's words, each on its own, and takes special tokens as they
    are written.
    """
    kinds = [
        part.get("type") if isinstance(part := content.get(name), dict) else None
        for name in ("normalizer", "pre_tokenizer", "model")
    ]
    plain = all(
        not entry.get(option)
        for entry in content.get("added_tokens", ())  # type: ignore[attr-defined]
        for option in ("normalized", "single_word", "lstrip", "rstrip")
    )
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and plain
