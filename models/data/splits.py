"""The names that the splits of a data set have: in files, columns and keys."""

import re

from models.data.columns import plain

# The words that the `datasets` library takes for a split (its data_files.SPLIT_KEYWORDS).
SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
WORDS = "; ".join(f"{split} as {', '.join(words)}" for split, words in SPLIT_WORDS.items())


def split_of(name: str) -> str | None:
    """Return the split that exactly one sort of word in a name stands for."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    splits = [split for split, accepted in SPLIT_WORDS.items() if words & set(accepted)]
    return splits[0] if len(splits) == 1 else None


def split_said(value: object) -> str | None:
    """Return the split that a value names as a whole, as in `Test` or `test_set`."""
    word = plain(str(value)).removesuffix("set")
    return next((split for split, accepted in SPLIT_WORDS.items() if word in accepted), None)
