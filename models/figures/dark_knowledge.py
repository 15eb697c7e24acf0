"""Dark knowledge: what a student learns from soft labels that hard ones hide (Hinton et al. 2015, sections 2 and 6):
`python -m models.figures dark_knowledge [--dataset S] [--seeds N] [--out FILE]`.

Every student is a cell, stored as soon as it is finished; a run that was interrupted, or is asked for more seeds, goes
on where the file ends.
"""

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from models.bench.comparison import print_table
from models.figures.arms import Arm, Cell
from models.figures.cells import picture_of, place_of
from models.figures.gains import COMMAND, KIND, notes, pack, read_gains, table
from models.figures.gains_picture import draw_gains
from models.figures.lesson import refuse_empty
from models.figures.students import BATCH, LEARNING_RATE, LEAST_EPOCHS, MOST_EPOCHS, STEPS, Students, draw
from models.plan.plan import TRAINING_LIBRARIES, Plan, make_plan, read_inputs, versions_of
from models.plan.steps import Steps, step_key
from models.prove.latency import conditions as machine
from models.recipe.passes import Distill
from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.runtime.errors import BonsaiError
from models.runtime.files import check_place, write_result
from models.runtime.progress import console
from models.runtime.store import OUT, locked
from models.train.numerics import reproducible

VERSION = 1  # raised when students come out otherwise: stored cells are not mixed with them
TEACHERS = 3
# one layer: its size does not make up for what its labels leave out
LAYERS = [0]
STUDENT = {
    "layers": LAYERS,
    "learning_rate": LEARNING_RATE,
    "batch_size": BATCH,
    "steps": STEPS,
    "least_epochs": LEAST_EPOCHS,
    "most_epochs": MOST_EPOCHS,
}
TEMPERATURES, SHARES, SEEDS = (1.0, 2.0, 4.0, 8.0), (0.1, 1.0), 3


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line (BonsaiError where a number is unusable)."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Train students on hard labels, and on soft ones of one and of three teachers."
    )
    parser.add_argument(
        "--recipe",
        type=Path,
        default=DEFAULT_RECIPE,
        help="whose teacher, data set and seed (default: the default one)",
    )
    parser.add_argument("--dataset", help="embedded, a file, a folder or a hub id; instead of the recipe's")
    parser.add_argument("--teacher", help="the checkpoint: embedded, a folder or a hub id; instead of the recipe's")
    parser.add_argument(
        "--variants",
        type=Path,
        default=OUT,
        help="a build's folder, whose teachers are taken where it has them, and kept where not (default: variants)",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"students of each kind (default: {SEEDS})")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the training rows (default: 0.1 1)")
    parser.add_argument(
        "--temperatures", type=float, nargs="+", default=TEMPERATURES, help="of the soft labels (default: 1 2 4 8)"
    )
    parser.add_argument(
        "--teachers",
        type=int,
        nargs="+",
        choices=range(1, TEACHERS + 1),
        default=(1, TEACHERS),
        help="how many a student of soft labels has (default: 1 3)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=place_of(KIND),
        help=f"result file, and beside it the picture (default: {place_of(KIND)})",
    )
    options = parser.parse_args(arguments)
    refuse_empty(dataset=options.dataset, teacher=options.teacher)
    if options.seeds < 2:
        raise BonsaiError(f"--seeds is {options.seeds}; expected at least 2, for an interval")
    if wrong := [share for share in options.shares if not 0 < share <= 1]:
        raise BonsaiError(f"--shares has {wrong[0]:g}; expected shares above 0 and up to 1")
    if wrong := [one for one in options.temperatures if not 0 < one < float("inf")]:
        raise BonsaiError(f"--temperatures has {wrong[0]:g}; expected numbers above 0")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Train what is not stored yet, and show table and picture (BonsaiError)."""
    options = parse(arguments)
    out = options.out
    picture = picture_of(out)
    train_all(options, out)
    gains = read_gains(out)
    picture.write_bytes(draw_gains(gains))
    shown = Console(highlight=False)
    print_table(table(gains), shown)
    for line in (*notes(gains), f"{out}, {picture}"):
        shown.print(line, markup=False, soft_wrap=True)


@reproducible()
def train_all(options: argparse.Namespace, out: Path) -> None:
    """Train every student that the file does not hold, and store each at once (BonsaiError)."""
    check_place(out)
    plan = _plan(options)
    key = step_key(KIND, VERSION, plan.teacher_keys, STUDENT)
    result = _stored(out, key) or {
        "experiment": KIND,
        "name": plan.dataset.name,
        "key": key,
        "conditions": _conditions(plan),
        "teachers": [],
        "ensemble": "",
        "cells": {},
    }
    todo = [cell for cell in _cells(options) if not _has(result, cell)]
    if not todo:
        return
    counts = {cell.arm.teachers for cell in todo} - {0}
    with locked(options.variants):
        students = Students(plan, Steps(options.variants / ".steps"), LAYERS, counts)
        if not result["teachers"]:
            every, mean = students.teachers_right()
            result |= {"teachers": [pack(right) for right in every], "ensemble": pack(mean)}
            write_result(out, result)
    for number, cell in enumerate(todo, 1):
        share = f"{cell.share:g}"
        result["conditions"]["train_rows"][share] = len(draw(plan.dataset.train, cell.share, cell.seed))
        console.print(f"{number} of {len(todo)}: {share} of the rows, {cell.arm.name}, seed {cell.seed}", markup=False)
        right = students.train(cell)
        result["cells"].setdefault(share, {}).setdefault(cell.arm.name, {})[f"{cell.seed}"] = pack(right)
        write_result(out, result)


def _plan(options: argparse.Namespace) -> Plan:
    """Plan the teachers as a build of three would, so that a build's are found again."""
    recipe = load_recipe(options.recipe)
    changes: dict[str, Any] = {"variants": {"student": [Distill(teachers=TEACHERS)]}}
    for name in ("teacher", "dataset"):
        if (given := getattr(options, name)) is not None:
            changes[name] = getattr(recipe, name).model_copy(update={"source": given})
    recipe = recipe.model_copy(update=changes)
    checkpoint, dataset = read_inputs(recipe)
    plan = make_plan(recipe, dataset, checkpoint)
    if len(plan.teacher_keys) < TEACHERS:
        raise BonsaiError(
            f"teacher '{recipe.teacher.source}' has a trained head for these labels already, so there is only one; "
            "expected a checkpoint to fine-tune"
        )
    return plan


def _conditions(plan: Plan) -> dict[str, Any]:
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine(), "cores": os.cpu_count()},
        "libraries": versions_of(TRAINING_LIBRARIES),
        "dataset": plan.dataset.describe(),
        "teacher": plan.recipe.teacher.model_dump(mode="json"),
        "student": STUDENT,
        "train_rows": {},
    }


def _stored(out: Path, key: str) -> dict[str, Any] | None:
    """Return what an earlier run stored; refuse to mix it with students of another kind (BonsaiError)."""
    if not out.exists():
        return None
    result = read_gains(out).result
    if result["key"] != key:
        raise BonsaiError(
            f"'{out}' holds students of other data, other teachers or another version; give another file with --out, "
            "or remove that one"
        )
    return result


def _cells(options: argparse.Namespace) -> Iterator[Cell]:
    """Yield all students, seed by seed: what an interruption leaves can be compared."""
    arms = [Arm(), *(Arm(teachers, one) for teachers in options.teachers for one in options.temperatures)]
    for seed in range(options.seeds):
        for share in options.shares:
            for arm in arms:
                yield Cell(share, arm, seed)


def _has(result: dict[str, Any], cell: Cell) -> bool:
    return f"{cell.seed}" in result["cells"].get(f"{cell.share:g}", {}).get(cell.arm.name, {})
