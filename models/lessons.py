"""What students are taught: the training texts and variations of them, with what the teachers make of both.

Several teachers are fine-tunings of one checkpoint with other seeds, whose logits are averaged: one student of an ensemble keeps most of what the ensemble
gains (Hinton et al. 2015, sections 4 and 5).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property

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
        data = self._taught(TRAIN, teachers)
        for copy in range(self._copies(transfer)):
            data = join(data, self._taught(VARIATIONS + copy, teachers))
        return Lesson(data, self._taught(VALIDATION, teachers))

    def _taught(self, part: int, teachers: int) -> Tokenized:
        return replace(self._parts[part], signal=mean_signal([self._signal(number, part) for number in range(teachers)]))

    @cache  # noqa: B019
    def _signal(self, number: int, part: int) -> Signal:
        return signal_of(self._teacher(number), self._parts[part])

    def _copies(self, transfer: int) -> int:
        return -(-transfer // len(self._dataset.train))

    @cached_property
    def _parts(self) -> list[Tokenized]:
        """All rows, and as many variations as any lesson asks for: each copy for itself, so that more change none."""
        train, size, copies = self._dataset.train, len(self._dataset.train), self._copies(self._transfer)
        if not copies:
            return list(self.rows)
        alike = neighbours(self._teacher(0).bert.embeddings.word_embeddings.weight.detach(), self._tokenizer, train.texts)
        texts = transfer_texts(train.texts, train.labels, alike, copies, self._seed)
        return [*self.rows, *(tokenize(self._tokenizer, Split(texts[start : start + size], [0] * size)) for start in range(0, len(texts), size))]


def mean_signal(signals: Sequence[Signal]) -> Signal:
    """Return the mean logits, which is the geometric mean of soft labels at any temperature, and the first one's states: other teachers' lie elsewhere."""
    return Signal(torch.stack([signal.logits for signal in signals]).mean(0), signals[0].states)
