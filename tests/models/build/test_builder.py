from collections.abc import Callable
from pathlib import Path

import pytest

from models.build.builder import Builder
from models.data.dataset import Dataset
from models.plan.checkpoint import Checkpoint, find_teacher
from models.plan.plan import Plan, make_plan
from models.prove.predictions import read_predictions
from models.recipe.recipe import Recipe, TeacherSource
from models.runtime.card import read_card


@pytest.fixture
def plan(make_recipe: Callable[..., Recipe], dataset: Dataset, checkpoint: Checkpoint) -> Plan:
    return make_plan(make_recipe(), dataset, checkpoint)


def finished(out: Path) -> dict[str, int]:
    """Every finished step with what tells it from one that was made again."""
    return {path.name: path.stat().st_ino for path in (out / ".steps").iterdir() if not path.name.startswith(".")}


def test_finished_steps_are_not_run_again(plan: Plan, copied: Path) -> None:
    steps, card = finished(copied), read_card(copied / "distilled_int8")
    folder = Builder(plan, copied).build("distilled_int8")
    assert finished(copied) == steps
    assert read_card(folder) == card


def test_only_the_missing_step_is_run_again(plan: Plan, copied: Path) -> None:
    steps, card = finished(copied), read_card(copied / "distilled_int8")
    variant = next(variant for variant in plan.variants if variant.name == "distilled_int8")
    quantized = copied / ".steps" / variant.graph_passes[0].key
    quantized.rename(copied / "aside")
    (copied / ".steps" / variant.key).rename(copied / "aside too")
    folder = Builder(plan, copied).build("distilled_int8")
    assert {key for key, number in finished(copied).items() if steps[key] != number} == {quantized.name, variant.key}
    assert read_card(folder) == card


def test_steps_of_earlier_recipes_are_forgotten(plan: Plan, make_recipe: Callable[..., Recipe], copied: Path) -> None:
    fewer = make_plan(make_recipe(variants={"int8": [{"quantize": {}}]}), plan.dataset, plan.checkpoint)
    assert len(plan.teacher_keys) == 2
    Builder(plan, copied).forget_unused_steps()
    assert set(plan.teacher_keys) <= set(finished(copied))
    Builder(fewer, copied).forget_unused_steps()
    left = [{variant.key, *variant.step_keys} for variant in fewer.variants[:2]]
    assert set(finished(copied)) == set(fewer.teacher_keys).union(*left)


def test_where_the_teacher_guesses_no_variant_passes(
    make_recipe: Callable[..., Recipe], dataset: Dataset, source: TeacherSource, tmp_path: Path
) -> None:
    spoiled = source.model_copy(update={"learning_rate": 0.5, "epochs": 1})
    recipe = make_recipe(teacher=spoiled.model_dump(), variants={"int8": [{"quantize": {}}]}, gate={"max_drop": 50.0})
    plan = make_plan(recipe, dataset, find_teacher(spoiled))
    builder = Builder(plan, tmp_path)
    teacher, gate = read_card(builder.build("teacher")), read_card(builder.build("int8")).gate
    assert teacher.majority is not None
    assert not teacher.majority.beaten
    assert gate is not None
    assert gate.high < gate.margin
    assert gate.verdict == "undecided"
    assert gate.withheld is not None
    assert gate.withheld.startswith("the teacher is not shown to be better than always answering")


def test_predictions_belong_to_the_test_rows(built: Path, dataset: Dataset) -> None:
    given = read_predictions(built / "teacher").labels
    assert len(given) == len(dataset.test)
    assert (given == dataset.test.labels).mean() == read_card(built / "teacher").accuracy.value
