"""What an experiment starts from: a data set, its teacher, and the soft labels that this gives; all found again where
an earlier run, or a build, has finished it.
"""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import BertForSequenceClassification

from models.data.dataset import Dataset
from models.figures.cells import WORK
from models.figures.rows import Right
from models.plan.checkpoint import find_teacher
from models.plan.plan import Plan, make_plan, read_inputs
from models.plan.steps import Steps, step_key
from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.recipe.recipe import Recipe
from models.runtime.errors import BonsaiError
from models.runtime.store import OUT as BUILD
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import DistillationData, Rows, Tokenized, soft_targets, tokenize
from models.train.encoder import load_model, save_model
from models.train.teachers import Teachers
from models.train.transfer_sets import TransferSets

LEAST_TOKENS = 8  # that a recipe may cut texts to


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


def prepare(recipe: Recipe) -> Plan:
    """Read the checkpoint and the data, and train nothing yet (BonsaiError)."""
    checkpoint, dataset = read_inputs(recipe)
    return make_plan(recipe, dataset, checkpoint)


def begin(plan: Plan, folder: Path, build: Path) -> Lesson:
    """Take the teacher from a build, or train it, with finished steps under `folder`."""
    recipe, dataset, checkpoint = plan.recipe, plan.dataset, plan.checkpoint
    folder.mkdir(parents=True, exist_ok=True)
    steps = Steps(folder)
    built = build / ".steps" / plan.teacher_keys[0]
    if built.is_dir():

        def copy(draft: Path) -> None:
            shutil.copytree(built, draft, dirs_exist_ok=True)

        steps.once(built.name, copy)
    tokenizer = Tokenizer(checkpoint.folder / "tokenizer.json", recipe.teacher.max_tokens)
    rows = Rows(dataset, tokenizer)
    teachers = Teachers(plan, rows, steps)
    sets = TransferSets(dataset, tokenizer, rows, teachers.model, transfer=0, teachers={1}, seed=recipe.seed)
    return Lesson(plan, steps, teachers.model(0), sets.transfer_set(0, 1), tokenize(tokenizer, dataset.test), tokenizer)


def default_recipe(teacher: str, dataset: str) -> Recipe:
    """Return the default recipe's teacher and data, or these, whose texts are cut where the teacher has no more
    positions (BonsaiError).
    """
    refuse_empty(teacher=teacher, dataset=dataset)
    recipe = load_recipe(DEFAULT_RECIPE)
    # how many positions there are is known once the checkpoint is read, which refuses to cut texts beyond them
    least = recipe.teacher.model_copy(update={"source": teacher, "max_tokens": LEAST_TOKENS})
    positions = find_teacher(least).config["max_position_embeddings"]
    max_tokens = min(recipe.teacher.max_tokens, int(positions))  # type: ignore[call-overload]
    return recipe.model_copy(
        update={
            "teacher": least.model_copy(update={"max_tokens": max_tokens}),
            "dataset": recipe.dataset.model_copy(update={"source": dataset}),
            "variants": {},
        }
    )


def refuse_empty(**given: str | None) -> None:
    """Refuse an option's empty value, as a build does: it would be the present folder (BonsaiError)."""
    for name, value in given.items():
        if value == "":
            raise BonsaiError(f"--{name} is empty; expected a value, or no such option")


def add_sources(parser: argparse.ArgumentParser, out: Path) -> None:
    """Add the options that say what an experiment starts from and where its result goes."""
    parser.add_argument("--dataset", default="embedded", help="as in a recipe (default: embedded)")
    parser.add_argument("--teacher", default="embedded", help="as in a recipe (default: embedded)")
    parser.add_argument(
        "--build",
        type=Path,
        default=BUILD,
        help="a build whose teacher is taken where it is this one (default: variants)",
    )
    parser.add_argument("--work", type=Path, default=WORK, help=f"finished steps of this command (default: {WORK})")
    parser.add_argument(
        "--out", type=Path, default=out, help=f"result file, and beside it the picture if there is one (default: {out})"
    )
