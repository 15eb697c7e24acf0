"""What students are taught: the training texts and variations of them, with what the teachers make of both.

Several teachers are fine-tunings of one checkpoint with other seeds, whose logits are averaged: one student of an ensemble keeps most of what the ensemble
gains (Hinton et al. 2015, section 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property, reduce

import torch
from transformers import BertForSequenceClassification

from models.dataset import Dataset, Split
from models.neighbours import neighbours
from models.tokenization import Tokenizer
from models.training import Lesson, Signal, Tokenized, join, signal_of, tokenize
from models.transfer import transfer_texts

TRAIN, VALIDATION, VARIATIONS = 0, 1, 2  # the parts that teachers read; each copy of variations is one more


class Lessons:
    """One data set's lessons; whatever a teacher reads it reads once."""

    def __init__(self, dataset: Dataset, tokenizer: Tokenizer, teacher: Callable[[int], BertForSequenceClassification], transfer: int, seed: int) -> None:
        """`teacher` returns a teacher by its number, the served one first; `transfer` is the most variations that any lesson will ask for."""
        self._dataset, self._tokenizer, self._teacher, self._transfer, self._seed = dataset, tokenizer, teacher, transfer, seed

    @cached_property
    def rows(self) -> tuple[Tokenized, Tokenized]:
        """Training and validation rows, read by nobody."""
        return tokenize(self._tokenizer, self._dataset.train), tokenize(self._tokenizer, self._dataset.validation)

    @cache  # noqa: B019  (one object lives as long as its build)
    def lesson(self, transfer: int, teachers: int) -> Lesson:
        """Return the training rows with so many variations of them, read by so many teachers; the variations bear the label that these give them."""
        parts = [TRAIN, VALIDATION, *range(VARIATIONS, VARIATIONS + self._copies(transfer))]
        read = [[self._signal(number, part) for part in parts] for number in range(teachers)]  # one teacher after another: one is in memory at a time
        data, validation, *variations = (replace(self._part(part), signal=mean_signal(of_all)) for part, *of_all in zip(parts, *read, strict=True))
        return Lesson(reduce(join, variations, data), validation)

    @cache  # noqa: B019
    def _signal(self, number: int, part: int) -> Signal:
        signal = signal_of(self._teacher(number), self._part(part))
        return signal if number == 0 else replace(signal, states=torch.empty(0))  # nobody asks for the other teachers' states

    def _part(self, part: int) -> Tokenized:
        return self.rows[part] if part < VARIATIONS else self._variations[part - VARIATIONS]

    @cached_property
    def _variations(self) -> list[Tokenized]:
        """As many variations as any lesson asks for: each copy for itself, so that more change none."""
        train, size = self._dataset.train, len(self._dataset.train)
        alike = neighbours(self._teacher(0).bert.embeddings.word_embeddings.weight.detach(), self._tokenizer, train.texts)
        texts = transfer_texts(train.texts, train.labels, alike, self._copies(self._transfer), self._seed)
        return [tokenize(self._tokenizer, Split(texts[start : start + size], [0] * size)) for start in range(0, len(texts), size)]

    def _copies(self, transfer: int) -> int:
        return -(-transfer // len(self._dataset.train))


def mean_signal(signals: Sequence[Signal]) -> Signal:
    """Return the mean logits, which is the geometric mean of soft labels at any temperature, and the first one's states: other teachers' lie elsewhere."""
    return Signal(torch.stack([signal.logits for signal in signals]).mean(0), signals[0].states)
