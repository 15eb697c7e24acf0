"""What may be asked for, and how everything else is refused."""

from pathlib import Path
from typing import Any

import pytest

from models.recipe.recipe import Recipe
from models.runtime.store import read_build, stored
from service.builds.asked import cards, passes_of, read, recipe_with
from service.builds.builds import check_asked
from service.builds.errors import BuildError, Conflict, NotAccepted
from service.builds.settings import Limits

INT8: list[dict[str, Any]] = [{"quantize": {}}]
REFUSED = {
    "no object": ([1], "JSON list"),
    "no name": ({"passes": INT8}, "'name' is missing"),
    "a number": ({"name": 3, "passes": INT8}, "not usable"),
    "a reserved name": ({"name": "predict", "passes": INT8}, "reserved"),
    "the teacher": ({"name": "teacher", "passes": INT8}, "reserved"),
    "a slash": ({"name": "a/b", "passes": INT8}, "not usable"),
    "dots": ({"name": "..", "passes": INT8}, "not usable"),
    "33 characters": ({"name": "a" * 33, "passes": INT8}, "not usable"),
    "neither": ({"name": "b"}, "either 'passes' or 'goal'"),
    "both": ({"name": "b", "passes": INT8, "goal": {"speedup": 2}}, "either 'passes' or 'goal'"),
    "no passes": ({"name": "b", "passes": []}, "1 to 16 passes"),
    "seventeen passes": ({"name": "b", "passes": INT8 * 17}, "1 to 16 passes"),
    "an unknown pass": ({"name": "b", "passes": [{"hash": {}}]}, "unknown pass 'hash'"),
    "no pass": ({"name": "b", "passes": [3]}, "3 is not a pass"),
    "an unknown option": ({"name": "b", "passes": [{"quantize": {"bits": 4}}]}, "unknown key 'bits'"),
    "quantize twice": ({"name": "b", "passes": INT8 * 2}, "twice"),
    "a second quantize": ({"name": "b", "from": "int8", "passes": INT8}, "twice"),
    "a wrong order": ({"name": "b", "passes": [*INT8, {"distill": {"layers": 1}}]}, "in this order"),
    "nine layers": ({"name": "b", "passes": [{"distill": {"layers": 9}}]}, "of a model with 4"),
    "more layers than memory holds": ({"name": "b", "passes": [{"distill": {"layers": 10**12}}]}, "of a model with 4"),
    "a list of 20,000 layers": ({"name": "b", "passes": [{"distill": {"layers": list(range(20_000))}}]}, "distill"),
    "all heads": ({"name": "b", "passes": [{"prune": {"remove_heads": 4}}]}, "remove_heads is 4"),
    "an unknown parent": ({"name": "b", "from": "nope", "passes": INT8}, "'from' is 'nope'"),
    "a cascade as parent": ({"name": "b", "from": "cascade", "passes": INT8}, "a cascade"),
    "a part that is not there": (
        {"name": "b", "passes": [{"cascade": {"small": "x", "large": "int8"}}]},
        "cascade of 'x'",
    ),
    "another teacher": ({"name": "b", "passes": INT8, "teacher": {"source": "/etc"}}, "unknown key 'teacher'"),
    "other data": ({"name": "b", "passes": INT8, "dataset": {"source": "org/data"}}, "unknown key 'dataset'"),
    "a path in a pass": ({"name": "b", "passes": [{"quantize": "/etc/passwd"}]}, "quantize"),
    "no goal": ({"name": "b", "goal": {}}, "either 'under_ms' or 'speedup'"),
    "two goals": ({"name": "b", "goal": {"under_ms": 1, "speedup": 2}}, "either 'under_ms' or 'speedup'"),
    "a goal below nothing": ({"name": "b", "goal": {"under_ms": -1}}, "'goal.under_ms' is -1"),
    "a goal with a parent": ({"name": "b", "from": "int8", "goal": {"speedup": 2}}, "'from' with 'passes' alone"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_build_can_be_made_of_is_refused_in_one_sentence(built: Path, case: str) -> None:
    given, part = REFUSED[case]
    with pytest.raises(NotAccepted) as refused:
        check_asked(built, given, Limits())
    said = str(refused.value)
    assert part in said
    assert len(said) < 300 and "\n" not in said


def test_a_name_that_is_taken_is_a_conflict(built: Path) -> None:
    with pytest.raises(Conflict, match="there is a variant 'int8'"):
        check_asked(built, {"name": "int8", "passes": INT8}, Limits())


def test_what_is_asked_for_is_the_last_builds_recipe_with_one_variant_more(built: Path) -> None:
    build = read_build(built)
    known = cards(build)
    asked = read({"name": "b", "from": "distilled", "passes": INT8})
    content = recipe_with(build, known, "b", passes_of(asked, known), stored(build.variants["teacher"].tag))
    recipe = Recipe.model_validate(content)
    assert list(recipe.variants) == [*(name for name in build.variants if name != "teacher"), "b"]
    assert recipe.variants["b"] == recipe.variants["distilled_int8"]
    assert recipe.teacher.source == build.recipe["teacher"]["source"]


def test_a_cascade_of_what_is_served_may_be_asked_for(built: Path) -> None:
    given = {"name": "b", "passes": [{"cascade": {"small": "distilled", "large": "teacher"}}]}
    assert check_asked(built, given, Limits()).name == "b"


def test_nothing_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"python -m models\.build") as problem:
        check_asked(tmp_path, {"name": "b", "passes": INT8}, Limits())
    assert not isinstance(problem.value, BuildError)
