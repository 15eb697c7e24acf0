"""A tokenizer.json, opened so that whatever is wrong with it is an error: some of what the library cannot read ends in
a panic, which no `except Exception` catches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tokenizers

MOST_BYTES = 64 * 2**20  # the largest of published encoders have 17 MB
LONGEST_WORD = 1_000  # characters that WordPiece cuts, in a time that grows with their square; BERT's 100
PROBE = "a text, as 1 may be"
EXPECTED = "expected the file of a fast tokenizer, as save_pretrained of transformers writes it"


def open_tokenizer(file: Path) -> tokenizers.Tokenizer:
    """Open a tokenizer.json, without its padding and truncation (ValueError, OSError, and what the library says)."""
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size >> 20} MiB; {EXPECTED}, of at most {MOST_BYTES >> 20}")
    with panics_as_errors():
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
        tokenizer.no_padding()  # all-MiniLM's file pads everything to 128 tokens
        tokenizer.no_truncation()
        tokenizer.encode(""), tokenizer.encode(PROBE)  # some fail on the first text alone
    longest = getattr(tokenizer.model, "max_input_chars_per_word", 0)
    if longest > LONGEST_WORD:
        raise ValueError(f"max_input_chars_per_word is {longest}; expected at most {LONGEST_WORD}")
    return tokenizer


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise a panic of the tokenizers library as an error (ValueError)."""
    try:
        yield
    except BaseException as problem:
        if (said := panic(problem)) is None:
            raise
        raise said from problem


def panic(problem: BaseException) -> ValueError | None:
    """Return the error that stands for a panic, if this is one: its class cannot be imported."""
    if type(problem).__name__ != "PanicException":
        return None
    return ValueError(f"the tokenizer failed: {problem}".partition("\n")[0])
