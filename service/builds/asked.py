"""What may be asked for: a name with passes or with a goal, by the models that recipes are read with."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from models.recipe.passes import Pass, Shape
from models.recipe.recipe import CascadeOf, Name, Recipe
from models.recipe.refusals import first_error
from models.recipe.strict import Strict
from models.runtime.card import Card, read_card
from models.runtime.errors import BonsaiError
from models.runtime.store import Build, stored
from service.builds.errors import Conflict, NotAccepted

TEACHER = "teacher"
MOST_PASSES = 16
MadeOf = list[dict[str, Any]]


class Goal(Strict):
    """How fast the variant must be: below so many milliseconds a text by itself, or so many times the teacher's speed;
    both on average, in which a cascade's escalations show.
    """

    under_ms: float | None = Field(None, gt=0)
    speedup: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> "Goal":
        if (self.under_ms is None) == (self.speedup is None):
            raise ValueError("the goal is not one; expected either 'under_ms' or 'speedup'")
        return self


class Asked(Strict):
    """One variant: passes, or a goal that passes are looked for; `from` names the variant whose passes come first, and
    `force` serves it though the gate calls it worse.
    """

    name: Name
    passes: Annotated[list[Any], Field(min_length=1, max_length=MOST_PASSES)] | None = None
    goal: Goal | None = None
    parent: str | None = Field(None, alias="from")
    force: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Asked":
        if (self.passes is None) == (self.goal is None):
            raise ValueError("it is not said what to build; expected either 'passes' or 'goal'")
        if self.goal is not None and self.parent is not None:
            raise ValueError("a goal is reached from the teacher; expected 'from' with 'passes' alone")
        return self


def read(given: Any) -> Asked:
    """Return what is asked for (NotAccepted)."""
    if not isinstance(given, dict):
        raise NotAccepted(f"the body is a JSON {type(given).__name__}; expected an object with 'name' and 'passes'")
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        detail = error.errors()[0]
        if detail["type"] == "missing":
            raise NotAccepted(f"'{detail['loc'][-1]}' is missing; expected a name, with 'passes' or 'goal'") from None
        if detail["loc"] == ("passes",):
            raise NotAccepted(
                f"'passes' is {str(detail['input'])[:64]!r}; expected 1 to {MOST_PASSES} passes such as "
                '[{"quantize": {}}]'
            ) from None
        raise NotAccepted(shortened(first_error(error, Asked))) from None


def shortened(sentence: str) -> str:
    """Return a sentence of a length that an answer bears."""
    return sentence if len(sentence) <= 290 else f"{sentence[:287]}…"


def cards(build: Build) -> dict[str, Card]:
    """Return the cards of what a build names, from the model store (BonsaiError)."""
    return {name: read_card(stored(variant.tag)) for name, variant in build.variants.items()}


def passes_of(asked: Asked, known: dict[str, Card]) -> MadeOf:
    """Return all the passes that are asked for, those of `from` first (NotAccepted)."""
    assert asked.passes is not None
    if asked.parent is None:
        return asked.passes
    if asked.parent not in known:
        raise NotAccepted(f"'from' is '{asked.parent[:64]}'; expected one of {', '.join(known)}")
    if known[asked.parent].cascade is not None:
        raise NotAccepted(f"'from' is '{asked.parent}', a cascade; expected a variant made by passes")
    return [*known[asked.parent].passes, *asked.passes]


def recipe_with(build: Build, known: dict[str, Card], name: str, passes: MadeOf, teacher: Path) -> dict[str, Any]:
    """Return the recipe of a build with one variant more (NotAccepted, Conflict)."""
    if name in build.variants:
        raise Conflict(f"there is a variant '{name}'; expected another name, or DELETE /variants/{name} first")
    there = {
        other: card.passes[0] if card.cascade is not None else card.passes
        for other, card in known.items()
        if other != TEACHER
    }
    content = {**build.recipe, "variants": {**there, name: _made_of(passes)}}
    try:
        recipe = Recipe.model_validate(content)
        _check_shape(name, recipe, teacher)
    except ValidationError as error:
        raise NotAccepted(shortened(first_error(error, Recipe))) from None
    return content


def _made_of(passes: MadeOf) -> Any:
    """Return a recipe's entry: a cascade stands by itself."""
    (first, *rest) = passes
    return first if not rest and isinstance(first, dict) and list(first) == ["cascade"] else passes


def _check_shape(name: str, recipe: Recipe, teacher: Path) -> None:
    """Refuse what the teacher's layers, heads or tokenizer do not allow (NotAccepted)."""
    made_of: list[Pass] | CascadeOf = recipe.variants[name]
    if isinstance(made_of, CascadeOf):
        return
    config = json.loads((teacher / "config.json").read_bytes())
    tokenizer = json.loads((teacher / "tokenizer.json").read_bytes())["model"]["type"]
    shape = Shape(config["num_hidden_layers"], config["num_attention_heads"], tokenizer)
    try:
        for one in made_of:
            shape = one.after(shape)
    except BonsaiError as error:
        raise NotAccepted(shortened(f"variant '{name}', {error}")) from None
