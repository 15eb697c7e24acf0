"""What is planned from a build is what is planned from its recipe's own inputs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.build.addition import Addition, plan_as_built
from models.build.builder import Builder
from models.data.dataset import Dataset
from models.plan.checkpoint import Checkpoint
from models.plan.plan import make_plan
from models.recipe.recipe import Recipe
from models.runtime.card import read_card
from models.runtime.store import read_build
from tests.conftest import TINY_RECIPE

ADDED: dict[str, object] = {
    "small": [{"trim": {"tokens": 100}}, {"quantize": {"embeddings": False}}],
    "both": {"cascade": {"small": "small", "large": "teacher"}},
}


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe(variants={**TINY_RECIPE["variants"], **ADDED})


def test_a_pass_on_the_graph_is_planned_and_made_without_what_trained(
    recipe: Recipe, copied: Path, dataset: Dataset, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    (copied / ".steps").rename(tmp_path / "aside")
    usual = make_plan(recipe, dataset, checkpoint)
    plan = plan_as_built(recipe, Addition("small"), read_build(copied), copied)
    assert plan is not None
    assert plan.variants == usual.variants
    assert plan.dataset == dataset
    made = Builder(plan, copied, {"teacher": copied / "teacher"}).build("small")
    card, teacher = read_card(made), read_card(copied / "teacher")
    assert card.parameters == teacher.parameters  # of so few word pieces none is trimmed
    assert card.libraries == teacher.libraries


def test_what_the_store_alone_holds_is_put_back(recipe: Recipe, copied: Path) -> None:
    before = read_card(copied / "int8")
    for file in (copied / "int8").iterdir():
        if file.name not in ("evidence.json", "measured.json"):
            file.unlink()
    assert plan_as_built(recipe, Addition("small"), read_build(copied), copied) is not None
    assert read_card(copied / "int8") == before
    missing = {file.name for file in (copied / "pruned").iterdir()} - {
        file.name for file in (copied / "int8").iterdir()
    }
    assert missing == {"flips.csv"}, "which the report writes"


@pytest.mark.parametrize("change", ["seed", "teacher", "data", "trains"])
def test_other_inputs_are_read_and_what_trains_is_planned_as_usual(recipe: Recipe, copied: Path, change: str) -> None:
    content = recipe.model_dump(mode="json")
    if change == "seed":
        content["seed"] = 1
    elif change == "teacher":
        content["teacher"]["epochs"] = 3
    elif change == "data":
        kept = json.loads((copied / "dataset.json").read_text())
        kept["train"]["texts"][0] += " now"
        (copied / "dataset.json").write_text(json.dumps(kept))
    else:
        content["variants"]["small"] = [{"distill": {"layers": 3}}]
    assert plan_as_built(Recipe.model_validate(content), Addition("small"), read_build(copied), copied) is None
