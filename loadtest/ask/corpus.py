"""The test texts with the label that each variant gave at batch 1: what is asked and what the right answer is."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loadtest.errors import LoadTestError


@dataclass(frozen=True, slots=True)
class Question:
    """One text, its gold label and the label that is expected of each variant."""

    text: str
    label: str
    expected: dict[str, str]


@lru_cache(maxsize=4)  # every Locust user of a process asks for the same file
def read_corpus(path: Path, option: str = "--corpus") -> tuple[Question, ...]:
    """Read corpus.jsonl as the build wrote it; `option` chooses another one (LoadTestError)."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines(), which also parts a text at U+2028
    except OSError as error:
        raise LoadTestError(
            f"no corpus at '{path}' ({error.strerror}); 'python -m models.build' writes one, or name another with "
            f"{option}"
        ) from error
    except UnicodeDecodeError as error:
        raise LoadTestError(
            f"corpus '{path}' is not UTF-8; expected the corpus.jsonl that 'python -m models.build' writes"
        ) from error
    questions = tuple(_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip())
    if not questions:
        raise LoadTestError(f"corpus '{path}' is empty; run 'python -m models.build' to write it again")
    return questions


def check_expected(corpus: Sequence[Question], variants: Iterable[str], path: Path, option: str = "--variants") -> None:
    """Refuse variants whose right answers the corpus does not hold: nothing they say could be checked; `option` chooses
    others (LoadTestError).
    """
    for variant in variants:
        if any(variant not in question.expected for question in corpus):
            known = ", ".join(corpus[0].expected) or "none"
            help_ = f"run 'python -m models.build', or choose with {option}"
            raise LoadTestError(f"corpus '{path}' lacks expected labels for '{variant}' (it has {known}); {help_}")


@lru_cache(maxsize=4)
def read_unlabelled(path: Path) -> tuple[Question, ...]:
    """Read the same texts with no label expected of anybody."""
    return tuple(Question(question.text, question.label, {}) for question in read_corpus(path))


def shuffled(corpus: Sequence[Question], seed: str) -> Iterator[Question]:
    """Go through the corpus for ever, in one seeded order: the same seed asks every variant the same texts."""
    order = list(corpus)
    random.Random(seed).shuffle(order)
    while True:
        yield from order


def _question(path: Path, number: int, line: str) -> Question:
    try:
        row = json.loads(line)
        text, label, expected = row["text"], row["label"], row["expected"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LoadTestError(
            f"corpus '{path}', line {number}: expected an object with text, label and expected, got {line[:60]!r}"
        ) from error
    texts = (
        isinstance(text, str)
        and isinstance(label, str)
        and isinstance(expected, dict)
        and all(isinstance(value, str) for value in expected.values())
    )
    if not texts:
        raise LoadTestError(
            f"corpus '{path}', line {number}: text, label and each expected label must be strings, got {line[:60]!r}"
        )
    if any("\ud800" <= character <= "\udfff" for character in text):  # which no request can carry
        raise LoadTestError(f"corpus '{path}', line {number}: the text holds half a surrogate pair; expected Unicode")
    return Question(text, label, expected)
