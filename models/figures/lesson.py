"""What an experiment starts from: a data set, its teacher, and the soft labels that this gives; all found again where
an earlier run, or a build, has finished it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import BertForSequenceClassification

from models.data.dataset import Dataset
from models.plan.plan import Plan, make_plan, read_inputs
from models.plan.steps import Steps, step_key
from models.recipe.recipe import Recipe
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import DistillationData, Rows, Tokenized, soft_targets, tokenize
from models.train.encoder import load_model, save_model
from models.train.teachers import Teachers
from models.train.transfer_sets import TransferSets

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lesson:
    """The teacher, the texts that it labels, and the test rows, with the steps that are finished."""

    plan: Plan
    steps: Steps
    teacher: BertForSequenceClassification
    data: DistillationData
    test: Tokenized
    tokenizer: Tokenizer

    @property
    def dataset(self) -> Dataset:
        return self.plan.dataset

    def once(self, work: Callable[[], BertForSequenceClassification], *what: object) -> BertForSequenceClassification:
        """Return the model that `work` makes, from the disk where an earlier run has made it: `what` names all that it
        depends on besides the teacher.
        """
        key = step_key("figure", self.plan.teacher_keys[0], *what)
        return load_model(self.steps.once(key, lambda draft: save_model(work(), draft)))

    def right(self, model: BertForSequenceClassification) -> Right:
        """Return which test rows a model gives the right label."""
        given: Right = (soft_targets(model, self.test).logits.argmax(-1) == self.test.labels).numpy()
        return given


def begin(recipe: Recipe, folder: Path) -> Lesson:
    """Read the data, and find or train the teacher, with finished steps under `folder`."""
    torch.set_flush_denormal(True)  # as the build does
    torch.use_deterministic_algorithms(True)
    checkpoint, dataset = read_inputs(recipe)
    plan = make_plan(recipe, dataset, checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    steps = Steps(folder)
    tokenizer = Tokenizer(checkpoint.folder / "tokenizer.json", recipe.teacher.max_tokens)
    rows = Rows(dataset, tokenizer)
    teachers = Teachers(plan, rows, steps)
    sets = TransferSets(dataset, tokenizer, rows, teachers.model, transfer=0, teachers={1}, seed=recipe.seed)
    return Lesson(plan, steps, teachers.model(0), sets.transfer_set(0, 1), tokenize(tokenizer, dataset.test), tokenizer)


def packed(right: Right) -> str:
    """Return which rows are right as hexadecimal digits, the first row first."""
    return np.packbits(right).tobytes().hex()


def unpacked(digits: str, rows: int) -> Right:
    """Return what `packed` was given."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=rows).astype(bool)
