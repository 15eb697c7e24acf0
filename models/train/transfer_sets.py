"""Transfer sets, the texts that students are trained on (Hinton et al. 2015, section 2): the training texts and
variations of them, read by the teachers.

Several teachers are fine-tunings of one checkpoint with other seeds, whose logits are averaged: one student of an
ensemble keeps most of what the ensemble gains (Hinton et al. 2015, section 4).
"""

from collections.abc import Callable, Collection
from functools import cached_property, lru_cache

import torch
from transformers import BertForSequenceClassification

from models.data.dataset import Dataset, Split
from models.runtime.progress import Bar
from models.runtime.tokenization import Tokenizer
from models.train.augmentation import augment
from models.train.distillation_data import DistillationData, Rows, SoftTargets, Tokenized, soft_targets, tokenize
from models.train.embedding_neighbours import neighbours

TRAIN, VALIDATION, VARIATIONS = 0, 1, 2  # the parts that teachers read; variations come in as many more as they fill
# variations a part: what is read together must not depend on how many a transfer set asks for, or its last bits would
PART = 1024


class TransferSets:
    """One data set's transfer sets; whatever a teacher reads it reads once."""

    def __init__(
        self,
        dataset: Dataset,
        tokenizer: Tokenizer,
        rows: Rows,
        teacher: Callable[[int], BertForSequenceClassification],
        *,
        transfer: int,
        teachers: Collection[int],
        seed: int,
    ) -> None:
        """`teacher` returns a teacher by its number, the served one first; at most `transfer` variations and these
        numbers of teachers will be asked for.
        """
        self._dataset, self._tokenizer, self._rows, self._teacher = dataset, tokenizer, rows, teacher
        self._transfer, self._teachers, self._seed = transfer, frozenset(teachers), seed
        self._sums: dict[
            int, dict[int, SoftTargets]
        ] = {}  # of every part, by the number of teachers whose logits are added up

    @lru_cache(maxsize=1)  # noqa: B019  (one object lives as long as its build; two of a thousand labels and half a million texts would be 4 GB)
    def transfer_set(self, transfer: int, teachers: int) -> DistillationData:
        """Return the training rows with so many variations of them, read by so many teachers; the variations bear the
        label that these give them.
        """
        parts = [TRAIN, VALIDATION, *range(VARIATIONS, VARIATIONS + -(-transfer // PART))]
        for number in range(teachers):  # one teacher after another: one is in memory at a time
            unread = [part for part in parts if max(self._sums.get(part, {0: None})) <= number]
            with Bar(f"teacher {number + 1} reads", sum(len(self._part(part)) for part in unread)) as bar:
                for part in unread:
                    self._add(part, number, bar)
        train, validation, *variations = (self._part(part) for part in parts)
        read, read_validation, *read_variations = (mean_targets(self._sums[part][teachers], teachers) for part in parts)
        count = len(train) + transfer
        every = [read, *read_variations]
        targets = SoftTargets(
            torch.cat([each.logits for each in every])[:count], torch.cat([each.states for each in every])[:count]
        )
        ids = [row for part in (train, *variations) for row in part.ids][:count]
        labels = torch.cat([train.labels, targets.logits[len(train) :].argmax(-1)])
        return DistillationData(
            Tokenized(ids, labels, train.pad_id, targets),
            Tokenized(validation.ids, validation.labels, validation.pad_id, read_validation),
        )

    def _add(self, part: int, number: int, bar: Bar) -> None:
        """Let a teacher read a part, and add its logits to those of the teachers before it; nobody asks for the other
        teachers' states.
        """
        targets, sums = soft_targets(self._teacher(number), self._part(part), bar), self._sums.setdefault(part, {})
        if number:
            before = sums[number] if number in self._teachers else sums.pop(number)
            targets = SoftTargets(before.logits + targets.logits, before.states)
        sums[number + 1] = targets

    def _part(self, part: int) -> Tokenized:
        if part >= VARIATIONS:
            return self._variations[part - VARIATIONS]
        return self._rows.train if part == TRAIN else self._rows.validation

    @cached_property
    def _variations(self) -> list[Tokenized]:
        """Whole parts of variations, as many as the largest transfer set takes."""
        texts = self.variations(-(-self._transfer // PART) * PART)
        return [
            tokenize(self._tokenizer, Split(texts[start : start + PART], [0] * PART))
            for start in range(0, len(texts), PART)
        ]

    def variations(self, count: int) -> list[str]:
        """Make so many variations of the training texts, which nobody keeps; those of a transfer set follow its
        training rows in this order.
        """
        train = self._dataset.train
        alike = neighbours(
            self._teacher(0).bert.embeddings.word_embeddings.weight.detach(), self._tokenizer, train.texts
        )
        return augment(train.texts, train.labels, alike, count, self._seed, self._tokenizer.max_tokens)


def mean_targets(total: SoftTargets, teachers: int) -> SoftTargets:
    """Return the mean logits, which is the geometric mean of soft labels at any temperature, and the first one's
    states: other teachers' lie elsewhere.
    """
    return SoftTargets(total.logits / teachers, total.states)
