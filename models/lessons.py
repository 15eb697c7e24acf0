"""What students are taught: the training texts and variations of them, with what the teachers make of both.

Several teachers are fine-tunings of one checkpoint with other seeds, whose logits are averaged: one student of an ensemble keeps most of what the ensemble
gains (Hinton et al. 2015, section 4).
"""

from collections.abc import Callable, Collection
from functools import cached_property, lru_cache

import torch
from transformers import BertForSequenceClassification

from models.dataset import Dataset, Split
from models.neighbours import neighbours
from models.progress import Bar
from models.tokenization import Tokenizer
from models.training import Lesson, Signal, Tokenized, signal_of, tokenize
from models.transfer import transfer_texts

TRAIN, VALIDATION, VARIATIONS = 0, 1, 2  # the parts that teachers read; variations come in as many more as they fill
PART = 1024  # variations a part: what is read together must not depend on how many a lesson asks for, or its last bits would


class Lessons:
    """One data set's lessons; whatever a teacher reads it reads once."""

    def __init__(
        self,
        dataset: Dataset,
        tokenizer: Tokenizer,
        teacher: Callable[[int], BertForSequenceClassification],
        transfer: int,
        teachers: Collection[int],
        seed: int,
    ) -> None:
        """`teacher` returns a teacher by its number, the served one first; at most `transfer` variations and these numbers of teachers will be asked for."""
        self._dataset, self._tokenizer, self._teacher, self._transfer, self._seed = dataset, tokenizer, teacher, transfer, seed
        self._teachers = frozenset(teachers)
        self._sums: dict[int, dict[int, Signal]] = {}  # of every part, by the number of teachers whose logits are added up

    @cached_property
    def rows(self) -> tuple[Tokenized, Tokenized]:
        """Training and validation rows, read by nobody."""
        return tokenize(self._tokenizer, self._dataset.train), tokenize(self._tokenizer, self._dataset.validation)

    @lru_cache(maxsize=1)  # noqa: B019  (one object lives as long as its build; two of a thousand labels and half a million texts would be 4 GB)
    def lesson(self, transfer: int, teachers: int) -> Lesson:
        """Return the training rows with so many variations of them, read by so many teachers; the variations bear the label that these give them."""
        parts = [TRAIN, VALIDATION, *range(VARIATIONS, VARIATIONS + -(-transfer // PART))]
        for number in range(teachers):  # one teacher after another: one is in memory at a time
            unread = [part for part in parts if max(self._sums.get(part, {0: None})) <= number]
            with Bar(f"teacher {number + 1} reads", sum(len(self._part(part)) for part in unread)) as bar:
                for part in unread:
                    self._add(part, number, bar)
        data, validation, *variations = (self._part(part) for part in parts)
        read, read_validation, *read_variations = (mean_signal(self._sums[part][teachers], teachers) for part in parts)
        count = len(data) + transfer
        every = [read, *read_variations]
        signal = Signal(torch.cat([each.logits for each in every])[:count], torch.cat([each.states for each in every])[:count])
        ids = [row for part in (data, *variations) for row in part.ids][:count]
        labels = torch.cat([data.labels, signal.logits[len(data) :].argmax(-1)])
        return Lesson(Tokenized(ids, labels, data.pad_id, signal), Tokenized(validation.ids, validation.labels, validation.pad_id, read_validation))

    def _add(self, part: int, number: int, bar: Bar) -> None:
        """Let a teacher read a part, and add its logits to those of the teachers before it; nobody asks for the other teachers' states."""
        signal, sums = signal_of(self._teacher(number), self._part(part), bar), self._sums.setdefault(part, {})
        if number:
            before = sums[number] if number in self._teachers else sums.pop(number)
            signal = Signal(before.logits + signal.logits, before.states)
        sums[number + 1] = signal

    def _part(self, part: int) -> Tokenized:
        return self.rows[part] if part < VARIATIONS else self._variations[part - VARIATIONS]

    @cached_property
    def _variations(self) -> list[Tokenized]:
        """Whole parts of variations, as many as the largest lesson takes."""
        texts = self.variations(-(-self._transfer // PART) * PART)
        return [tokenize(self._tokenizer, Split(texts[start : start + PART], [0] * PART)) for start in range(0, len(texts), PART)]

    def variations(self, count: int) -> list[str]:
        """Make so many variations of the training texts, which nobody keeps; those of a lesson follow its training rows in this order."""
        train = self._dataset.train
        alike = neighbours(self._teacher(0).bert.embeddings.word_embeddings.weight.detach(), self._tokenizer, train.texts)
        return transfer_texts(train.texts, train.labels, alike, count, self._seed)


def mean_signal(total: Signal, teachers: int) -> Signal:
    """Return the mean logits, which is the geometric mean of soft labels at any temperature, and the first one's states: other teachers' lie elsewhere."""
    return Signal(total.logits / teachers, total.states)
