from collections import Counter
from collections.abc import Callable

import pytest
import torch

from models.data.dataset import Split
from models.figures.arms import HARD, Arm, Cell, arm_of
from models.figures.students import BATCH, LEAST_EPOCHS, MOST_EPOCHS, STEPS, Students, draw, epochs_for, some_rows
from models.plan.plan import make_plan, read_inputs
from models.plan.steps import Steps
from models.recipe.recipe import Recipe
from models.train.distillation_data import DistillationData


@pytest.fixture(scope="module")
def students(make_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> Students:
    recipe = make_recipe(variants={"student": [{"distill": {"teachers": 2}}]})
    checkpoint, dataset = read_inputs(recipe)
    steps = Steps(tmp_path_factory.mktemp("students") / ".steps")
    return Students(make_plan(recipe, dataset, checkpoint), steps, [0], {1, 2})


@pytest.mark.parametrize("arm", [Arm(), Arm(1, 1.0), Arm(1, 2.5), Arm(3, 8.0)])
def test_an_arm_is_found_by_its_name(arm: Arm) -> None:
    assert arm_of(arm.name) == arm
    assert (arm.name == HARD) == (arm.teachers == 0)


def test_a_share_is_drawn_of_every_label_and_by_the_seed() -> None:
    split = Split([f"{row}" for row in range(100)], [0] * 70 + [1] * 28 + [2] * 2)
    for share, counts in ((0.1, {0: 7, 1: 3, 2: 1}), (1.0, {0: 70, 1: 28, 2: 2})):
        rows = draw(split, share, 0)
        assert rows == sorted(set(rows))
        assert Counter(split.labels[row] for row in rows) == counts
    assert draw(split, 0.1, 0) == draw(split, 0.1, 0) != draw(split, 0.1, 1)


def test_some_rows_keep_their_labels_and_soft_targets(distillation: DistillationData) -> None:
    data = distillation.train
    some = some_rows(data, [3, 5])
    assert data.targets is not None and some.targets is not None
    assert (some.ids, some.labels.tolist()) == ([data.ids[3], data.ids[5]], data.labels[[3, 5]].tolist())
    assert torch.equal(some.targets.logits, data.targets.logits[[3, 5]])


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [(1, MOST_EPOCHS), (10**6, LEAST_EPOCHS), (BATCH * STEPS // 40, 40), (BATCH * STEPS // 40 - 5, 40)],
)
def test_few_rows_are_seen_more_often(rows: int, epochs: int) -> None:
    assert epochs_for(rows) == epochs


def test_the_same_cell_gives_the_same_student(students: Students) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("models.figures.students.MOST_EPOCHS", 30)
        cells = [Cell(0.3, arm, 0) for arm in (Arm(1, 2.0), Arm(1, 2.0), Arm(2, 2.0), Arm())]
        first, again, *others = (students.train(cell) for cell in cells)
    assert first == again
    every, mean = students.teachers_right()
    assert {len(one) for one in (first, *others, *every, mean)} == {12}
    assert len(every) == 2


def test_hard_labels_are_learned_without_a_teacher(students: Students) -> None:
    assert students._data(Cell(0.3, Arm(), 0)).train.targets is None
    assert students._data(Cell(0.3, Arm(), 0)).validation.targets is None
    taught = students._data(Cell(0.3, Arm(2, 1.0), 0))
    assert taught.train.ids == students._data(Cell(0.3, Arm(), 0)).train.ids
    assert taught.validation.targets is not None
