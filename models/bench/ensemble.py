"""The teachers of a build's students, read back from its steps: what controls may learn from them too, and the ceiling
that their mean sets.
"""

from functools import cached_property, lru_cache
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from models.data.dataset import Split
from models.plan.plan import Plan
from models.prove.statistics import wilson
from models.runtime.card import Estimate
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar
from models.runtime.store import BUILD_COMMAND
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import Rows, soft_targets, tokenize
from models.train.encoder import load_model
from models.train.transfer_sets import TransferSets


class Ensemble:
    """As many teachers as any variant of a plan was taught by, and at most `most` of the variations that it was taught
    with.
    """

    def __init__(self, plan: Plan, steps: Path, most: int) -> None:
        self.plan, self._steps = plan, steps
        self.teachers = max(plan.teacher_counts, default=1)
        self.transfer = min(plan.transfer, most)

    @property
    def said(self) -> str:
        """What the teachers are called."""
        return f"the mean of {self.teachers} teachers" if self.teachers > 1 else "the teacher"

    def folder(self, number: int) -> Path:
        """Return the weights of a teacher (BonsaiError where they are gone)."""
        folder = self._steps / self.plan.teacher_keys[number]
        if not folder.is_dir():
            raise BonsaiError(
                f"the weights of teacher {number + 1} of {self.teachers} are gone from '{self._steps}'; "
                f"'{BUILD_COMMAND} --out DIR' makes them"
            )
        return folder

    def bytes(self) -> int:
        """Return the size of all teachers' weights."""
        return sum((self.folder(number) / "model.safetensors").stat().st_size for number in range(self.teachers))

    @cached_property
    def transfer_set(self) -> Split:
        """What the students were taught with: the training rows, and variations of them with the label that the
        teachers' mean gives each (BonsaiError).
        """
        for number in range(self.teachers):
            self.folder(number)
        plan = self.plan
        rows = Rows(plan.dataset, self._tokenizer)
        sets = TransferSets(
            plan.dataset,
            self._tokenizer,
            rows,
            self._teacher,
            transfer=self.transfer,
            teachers={self.teachers},
            seed=plan.recipe.seed,
        )
        labels = sets.transfer_set(self.transfer, self.teachers).train.labels.tolist()
        return Split([*plan.dataset.train.texts, *sets.variations(self.transfer)], labels)

    def accuracy(self) -> Estimate:
        """Return the accuracy of the teachers' mean logits on the test split (BonsaiError)."""
        test = self.plan.dataset.test
        with Bar(self.said, self.teachers * len(test)) as bar:
            logits = self.logits(test, bar)
            found = wilson(int((logits.argmax(-1) == torch.tensor(test.labels)).sum()), len(test))
            bar.finish(f"accuracy {100 * found.value:.2f}")
        return found

    def logits(self, split: Split, bar: Bar | None = None) -> Tensor:
        """Return the teachers' mean logits (rows, labels), in the order of the rows (BonsaiError)."""
        data = tokenize(self._tokenizer, split)
        every = [soft_targets(self._teacher(number), data, bar).logits for number in range(self.teachers)]
        return torch.stack(every).mean(0)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self.plan.checkpoint.folder / "tokenizer.json", self.plan.recipe.teacher.max_tokens)

    @lru_cache(maxsize=1)  # noqa: B019  (one ensemble lives as long as its benchmark, and one teacher is in memory at a time)
    def _teacher(self, number: int) -> BertForSequenceClassification:
        return load_model(self.folder(number))
