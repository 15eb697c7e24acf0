"""How much of the texts a tokenizer lets the model see: what is longer than it reads, and what it has no word piece for
(no torch).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.data.dataset import Dataset
from models.runtime.card import Card
from models.runtime.tokenization import Tokenizer

TEXTS_AT_ONCE = 1024  # what `tokenizers` notes of a text takes a hundred times the memory of its ids
MUCH = 0.2  # share from which the accuracy says little of the model


class Coverage(NamedTuple):
    """Shares: of texts that are cut, and of word pieces, [CLS] and [SEP] not counted, that are the unknown token."""

    truncated: float
    unknown: float


def coverage(tokenizer: Tokenizer, texts: Sequence[str]) -> Coverage:
    """Tokenize the texts and count."""
    cut, pieces, unknown = 0, 0, 0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        ids, truncated = tokenizer.encode(texts[start : start + TEXTS_AT_ONCE])
        cut += sum(truncated)
        pieces += sum(len(row) - len(tokenizer.frame) for row in ids)
        unknown += sum(row.count(tokenizer.unknown_id) for row in ids)
    return Coverage(cut / max(1, len(texts)), unknown / max(1, pieces))


def coverages(tokenizer: Tokenizer, dataset: Dataset) -> dict[str, Coverage]:
    """Return the coverage of the training and of the test texts."""
    return {
        name: coverage(tokenizer, split.texts) for name, split in (("training", dataset.train), ("test", dataset.test))
    }


def warnings(found: Mapping[str, Coverage], max_tokens: int) -> list[str]:
    """Return one sentence for what is cut and one for what is unknown, where it is more than a fifth of some split."""
    cut = [f"{100 * one.truncated:.0f} % of the {name} texts" for name, one in found.items() if one.truncated > MUCH]
    unknown = [
        f"{100 * one.unknown:.0f} % of the {name} texts' word pieces"
        for name, one in found.items()
        if one.unknown > MUCH
    ]
    said = []
    if cut:
        said.append(
            f"{' and '.join(cut)} are cut: the model reads their first {max_tokens} tokens alone (teacher.max_tokens)"
        )
    if unknown:
        said.append(
            f"{' and '.join(unknown)} are unknown to the tokenizer: it takes a teacher that was trained on their "
            "language and script"
        )
    return said


def card_warnings(cards: Iterable[Card]) -> list[str]:
    """Return the sentences for finished variants, each once: the teacher's, then what holds of another alone, with its
    name.
    """
    said: dict[str, str] = {}
    for card in cards:
        for sentence in warnings(card_coverages(card), card.max_tokens):
            said.setdefault(sentence, sentence if card.kind == "teacher" else f"{card.name}: {sentence}")
    return list(said.values())


def card_coverages(card: Card) -> dict[str, Coverage]:
    """Return what a card says of every split; nothing for a cascade."""
    unknown = card.unknown_tokens or {}
    return {name: Coverage(share, unknown[name]) for name, share in (card.truncated_texts or {}).items()}
