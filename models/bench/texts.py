"""The texts that every row is timed on: some alone, and whole batches of others; no row has met any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from models.data.dataset import Dataset
from models.prove.latency import MET, sample
from models.runtime.classifier import BATCH
from models.runtime.tokenization import Tokenizer

T = TypeVar("T")
BATCHES = 48  # of the other test texts, timed in batches
FEW_TEXTS, FEW_BATCHES = 50, 4  # of these for rows that take up to 40 ms a text, which would else take most of the time


@dataclass(frozen=True)
class Texts:
    """What every row is timed on, alone and in batches: first the few that slow rows have too, so that each is compared
    on the same texts.
    """

    training: list[str]  # warms up; no row has met a text that it is timed on
    few: list[str]
    more: list[str]
    few_batched: list[str]
    more_batched: list[str]

    def about(self, *, few: bool) -> dict[str, int]:
        """Return how many texts a row is timed on."""
        alone, batched = len(self.few), len(self.few_batched)
        return (
            {"texts": alone, "offline_texts": batched}
            if few
            else {"texts": alone + len(self.more), "offline_texts": batched + len(self.more_batched)}
        )


def choose_texts(dataset: Dataset, chosen: Sequence[int], lengths: Tokenizer, seed: int) -> Texts:
    """Take the chosen test texts alone, and of the others whole batches, from short to long."""
    chosen = chosen[: max(1, len(dataset.test.texts) // 2)]  # or few would be left for batches
    alone, among = [dataset.test.texts[number] for number in chosen], set(chosen)
    others = [text for number, text in enumerate(dataset.test.texts) if number not in among] or dataset.test.texts
    ids = lengths.encode(others)[0]
    by_length = [others[row] for row in sorted(range(len(others)), key=lambda row: len(ids[row]))]
    batches = [by_length[start : start + BATCH] for start in range(0, len(by_length), BATCH)]
    few, more = spread(spread(batches, BATCHES)[0], FEW_BATCHES)
    return Texts(
        sample(dataset.train.texts, MET, seed),
        alone[:FEW_TEXTS],
        alone[FEW_TEXTS:],
        list(chain(*few)),
        list(chain(*more)),
    )


def spread(items: list[T], most: int) -> tuple[list[T], list[T]]:
    """Return so many of the items, at even distances from first to last, and the others."""
    places = (
        {(2 * number + 1) * len(items) // (2 * most) for number in range(most)}
        if most < len(items)
        else set(range(len(items)))
    )
    return [item for place, item in enumerate(items) if place in places], [
        item for place, item in enumerate(items) if place not in places
    ]
