"""What a test set shares with the rows that were taught: equal texts, nearly equal ones, and texts that bear two
labels; and what it asks more than once.

Nearly equal: the sequences of four characters of two texts, without case and punctuation, overlap by 70 % or more
(Jaccard), as MinHash estimates it (Broder 1997) on the pairs that locality-sensitive hashing finds (Leskovec et al.,
Mining of Massive Datasets, section 3.4): linear in the rows.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

NEARLY_EQUAL = 0.7
BANDS, ROWS_A_BAND = (
    24,
    5,
)  # a pair that is 70 % alike shares a band with probability 0.988, one that is 20 % alike with 0.008
HASHES = BANDS * ROWS_A_BAND  # the estimate's standard deviation at 70 % is 0.04
SHINGLE = 4  # characters
BLOCK = 4_000_000  # characters at once: some 200 MB
MOST_IN_A_BAND = 50  # texts of one pattern by the thousand share every band; so many of each are looked at
WORDS = re.compile(r"[^\W_]+")
PUNCTUATION = ("P", "Z", "C")  # Unicode's categories of what tells no texts apart: marks, blanks, what is unseen
PAIRS_AT_ONCE = 20_000  # whose hashes are compared: 20 MB

Signatures = NDArray[np.uint32]  # (texts, HASHES)


def count_overlap(
    train: Sequence[tuple[str, str]], validation: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Return the numbers of test rows whose text was trained on, of other test rows nearly equal to one that was, and
    of texts with several labels; where there are any, those of the nearly equal rows that differ in case and
    punctuation alone (`restated`), and of test rows whose text another test row has, too (`repeated`).

    Rows are pairs of a text as the tokenizer normalizes it and a label; validation rows choose the epoch and the
    temperature, so they count as taught.
    """
    taught = {text for text, _ in (*train, *validation)}
    labels = defaultdict(set)
    for text, label in (*train, *validation, *test):
        labels[text].add(label)
    new = [text for text, _ in test if text not in taught]
    blanks = _Blanks()
    plain = {_words(text, blanks) for text in taught}
    restated = {text for text in new if _words(text, blanks) in plain}
    near = restated | near_duplicates(
        list(dict.fromkeys(new)), list(dict.fromkeys(text for text, _ in (*train, *validation)))
    )
    counts = {
        "trained_on": len(test) - len(new),
        "near_duplicates": sum(text in near for text in new),
        "contradictory": sum(len(given) > 1 for given in labels.values()),
    }
    more = {
        "restated": sum(text in restated for text in new),
        "repeated": len(test) - len({text for text, _ in test}),
    }
    return counts | {name: count for name, count in more.items() if count}


class _Blanks(dict[int, int | str]):
    """Marks of punctuation as blanks and all else as it is, for str.translate: every character is looked up once."""

    def __missing__(self, number: int) -> int | str:
        self[number] = found = " " if unicodedata.category(chr(number)).startswith(PUNCTUATION) else number
        return found


def _words(text: str, blanks: _Blanks) -> str:
    """Return a text without case and punctuation; as it is where it has nothing else."""
    return " ".join(text.casefold().translate(blanks).split()) or text


def near_duplicates(texts: Sequence[str], among: Sequence[str]) -> set[str]:
    """Return those of `texts` that are nearly equal to one of `among`."""
    if not texts or not among:
        return set()
    own = np.concatenate(list(_signatures(texts)))
    keys = _band_keys(own)
    found = np.zeros(len(texts), bool)
    for others in _signatures(among):
        other_keys = _band_keys(others)
        for band in range(BANDS):
            order = np.argsort(other_keys[band], kind="stable")
            wanted = np.flatnonzero(~found)
            first = np.searchsorted(other_keys[band], keys[band][wanted], "left", sorter=order)
            last = np.searchsorted(other_keys[band], keys[band][wanted], "right", sorter=order)
            counts = np.minimum(last - first, MOST_IN_A_BAND)
            rows = np.repeat(wanted, counts)
            places = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
            for start in range(0, len(rows), PAIRS_AT_ONCE):
                some, beside = rows[start : start + PAIRS_AT_ONCE], order[places[start : start + PAIRS_AT_ONCE]]
                found[some[(own[some] == others[beside]).mean(1) >= NEARLY_EQUAL]] = True
    return {text for text, near in zip(texts, found, strict=True) if near}


def _band_keys(signatures: Signatures) -> NDArray[np.uint64]:
    """Return one number for each band of each text (BANDS, texts): equal where all its hashes are."""
    keys = np.zeros((BANDS, len(signatures)), np.uint64)
    for row in range(ROWS_A_BAND):
        keys = (keys + signatures.T[row::ROWS_A_BAND].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    return keys


def _signatures(texts: Sequence[str]) -> Iterator[Signatures]:
    """Return the MinHashes of all texts, a block of them at a time."""
    return map(_min_hashes, _blocks(texts))


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    size = 0
    for text in texts:
        block.append((" " + (" ".join(WORDS.findall(text.casefold())) or text) + " ").ljust(SHINGLE))
        size += len(block[-1])
        if size > BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _min_hashes(texts: Sequence[str]) -> Signatures:
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) for text in texts])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    shingles = np.zeros(len(letters) - SHINGLE + 1, np.uint64)
    for place in range(SHINGLE):
        shingles = (shingles + letters[place : len(letters) - SHINGLE + 1 + place]) * np.uint64(0x9E3779B97F4A7C15)
        shingles ^= shingles >> np.uint64(29)
    hashes = (shingles >> np.uint64(32)).astype(np.uint32)
    counts = lengths - SHINGLE + 1
    hashes = hashes[
        np.concatenate([np.arange(start, start + count) for start, count in zip(starts, counts, strict=True)])
    ]  # none reaches into the next text
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    draw = np.random.default_rng(0)
    signatures = np.empty((len(texts), HASHES), np.uint32)
    for number, (factor, mask) in enumerate(zip(*draw.integers(0, 2**32, (2, HASHES), dtype=np.uint32), strict=True)):
        signatures[:, number] = np.minimum.reduceat((hashes ^ mask) * (factor | np.uint32(1)), firsts)
    return signatures
