"""The students of the dark-knowledge experiment: alike but for what they learn from, hard labels or soft ones.

Each starts from the checkpoint's own layers, not from a teacher's as the pass does in a build, and never sees a state
of the teacher: what it knows of a teacher it has from the soft labels alone (Hinton et al. 2015, section 2).
"""

from dataclasses import replace
from functools import cached_property
from random import Random

import torch

from models.data.dataset import Split
from models.figures.arms import Cell
from models.passes.distill import distill
from models.plan.head import Head
from models.plan.plan import Plan
from models.plan.steps import Steps
from models.recipe.passes import Distill
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import DistillationData, Rows, SoftTargets, Tokenized, soft_targets, tokenize
from models.train.fine_tune import load_checkpoint
from models.train.teachers import Teachers
from models.train.transfer_sets import TransferSets

# of a tenth of the rows an epoch is a tenth of the steps: a student takes so many in all, or the epochs that
# Schedule allows, and no fewer epochs than full data need
STEPS, LEAST_EPOCHS, MOST_EPOCHS = 1200, 12, 100
BATCH, LEARNING_RATE = 32, 1e-3
Right = list[bool]


class Students:
    """Trains one student after another; the teachers, which saw all training rows, are made or found once."""

    def __init__(self, plan: Plan, steps: Steps, layers: list[int], teachers: set[int]) -> None:
        """`teachers` are the numbers of them that arms will ask for."""
        self._plan, self._layers = plan, layers
        self._tokenizer = Tokenizer(plan.checkpoint.folder / "tokenizer.json", plan.recipe.teacher.max_tokens)
        rows = Rows(plan.dataset, self._tokenizer)
        self._rows, self._teachers = rows, Teachers(plan, rows, steps)
        sets = TransferSets(
            plan.dataset, self._tokenizer, rows, self._teachers.model, transfer=0, teachers=teachers, seed=0
        )
        self._taught = {count: sets.transfer_set(0, count) for count in sorted(teachers)}

    def teachers_right(self) -> tuple[list[Right], Right]:
        """Return which test rows each teacher has right, and which the mean of their logits has."""
        logits = [
            soft_targets(self._teachers.model(number), self._test).logits
            for number in range(len(self._plan.teacher_keys))
        ]
        return [self._right(one) for one in logits], self._right(torch.stack(logits).mean(0))

    def train(self, cell: Cell) -> Right:
        """Train a student, and return which test rows it has right; the seed draws its rows, its head and its order."""
        plan, arm, seed = self._plan, cell.arm, cell.seed
        data = self._data(cell)
        epochs = epochs_for(len(data.train))
        config = Distill(
            layers=self._layers,
            epochs=epochs,
            patience=epochs,
            learning_rate=LEARNING_RATE,
            batch_size=BATCH,
            temperature=arm.temperature,
            alpha=0.0 if arm.teachers else 1.0,
            hidden=0.0,
        )
        start = load_checkpoint(plan.checkpoint, plan.dataset.labels, Head(), seed)
        student = distill(start, data, config, seed=seed)
        return self._right(soft_targets(student, self._test).logits)

    def _data(self, cell: Cell) -> DistillationData:
        chosen = draw(self._plan.dataset.train, cell.share, cell.seed)
        if not cell.arm.teachers:  # no soft label chooses the epoch either: the validation accuracy does
            return DistillationData(some_rows(self._rows.train, chosen), self._rows.validation)
        taught = self._taught[cell.arm.teachers]
        return DistillationData(some_rows(taught.train, chosen), taught.validation)

    def _right(self, logits: torch.Tensor) -> Right:
        return (logits.argmax(-1) == self._test.labels).tolist()

    @cached_property
    def _test(self) -> Tokenized:
        return tokenize(self._tokenizer, self._plan.dataset.test)


def epochs_for(rows: int) -> int:
    """Return how many epochs a student of so many rows takes."""
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS / -(-rows // BATCH))))


def draw(split: Split, share: float, seed: int) -> list[int]:
    """Return the numbers of a share of the rows of every label, drawn with the seed, in their order; a label keeps at
    least one row.
    """
    order = list(range(len(split)))
    Random(seed).shuffle(order)
    by_label: dict[int, list[int]] = {}
    for row in order:
        by_label.setdefault(split.labels[row], []).append(row)
    return sorted(row for rows in by_label.values() for row in rows[: max(1, round(len(rows) * share))])


def some_rows(data: Tokenized, rows: list[int]) -> Tokenized:
    """Return some of the rows, with their soft targets."""
    targets = data.targets and SoftTargets(data.targets.logits[rows], data.targets.states[rows])
    return replace(data, ids=[data.ids[row] for row in rows], labels=data.labels[rows], targets=targets)
