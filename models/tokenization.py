"""Text to token ids, the same way in training, evaluation and serving (`tokenizers` only, no torch)."""

from collections.abc import Sequence
from pathlib import Path

import tokenizers

# A text beyond this many characters a token is cut before it is tokenized, so that a megabyte costs no more than a page.
# WordPiece turns a word of over 100 characters into one [UNK]: 128 characters a token lose nothing that people write.
CHARACTERS_PER_TOKEN = 128


class Tokenizer:
    """The tokenizer of a model folder, with padding left to the batch and truncation at `max_tokens`."""

    def __init__(self, file: Path, max_tokens: int) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()  # all-MiniLM's file pads everything to 128 tokens
        self._tokenizer.enable_truncation(max_tokens)
        self._longest = max_tokens * CHARACTERS_PER_TOKEN
        self.unknown_id: int = self._tokenizer.token_to_id("[UNK]")
        self.pad_id: int = self._tokenizer.token_to_id("[PAD]") or 0

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """Return the token ids of every text, and whether it was longer than the model reads."""
        if len(texts) == 1:  # the thread pool behind encode_batch costs more than a short text
            encodings = [self._tokenizer.encode(texts[0][: self._longest])]
        else:
            encodings = self._tokenizer.encode_batch_fast([text[: self._longest] for text in texts])
        truncated = [bool(encoding.overflowing) or len(text) > self._longest for encoding, text in zip(encodings, texts, strict=True)]
        return [encoding.ids for encoding in encodings], truncated
