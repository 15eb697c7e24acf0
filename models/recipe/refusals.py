"""How a refused recipe is worded: where, what was given, what is accepted."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from models.recipe.passes import PASSES
from models.recipe.recipe import CascadeOf

EXPECTED = f"expected one of {', '.join(PASSES)}"
Place = tuple[str | int, ...]


def first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Say the first of pydantic's complaints in one sentence."""
    detail = error.errors()[0]
    kind, given, location = detail["type"], detail["input"], detail["loc"]
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if location == ("variants",):
        return f"a {type(given).__name__} was given; expected a name and a list of passes for each variant"
    if location[:1] == ("variants",):
        return _of_variant(str(location[1]), location[2:], detail)
    return _worded(location, detail, model)


def _of_variant(name: str, location: Place, detail: Any) -> str:
    """Word what is wrong with one variant: with the list of its passes, with an entry of it, or with an option."""
    given = detail["input"]
    if location[0] == "cascade":
        return f"variant '{name}', cascade: {_worded(location[1:], detail, CascadeOf)}"
    if len(location) == 1:
        return f"variant '{name}': {given!r} was given; expected a list of passes such as [{{quantize: {{}}}}]"
    if detail["type"] == "union_tag_not_found":
        if given in PASSES if isinstance(given, str) else False:
            return f"variant '{name}': {given!r} is a pass without its options; expected {{{given}: {{}}}}"
        if isinstance(given, dict) and len(given) > 1:
            return f"variant '{name}': {given!r} holds {len(given)} passes; expected one an entry of the list"
        return f"variant '{name}': {given!r} is not a pass; {EXPECTED} with its options"
    if detail["type"] == "union_tag_invalid":
        return f"variant '{name}': unknown pass '{next(iter(given))}'; {EXPECTED}"
    kind = str(location[2])
    return f"variant '{name}', {kind}: {_worded(location[3:], detail, PASSES[kind].config)}"


def _worded(location: Place, detail: Any, model: type[BaseModel]) -> str:
    where, parent = _place(location, model)
    if detail["type"] == "extra_forbidden":
        return (
            f"unknown key '{'.'.join([*where, str(location[-1])])}'; expected one of "
            f"{', '.join(field.alias or name for name, field in parent.model_fields.items())}"
        )
    if detail["type"] == "missing":
        return f"'{'.'.join(where)}' is missing; expected {', '.join(parent.model_fields)} there"
    if detail["type"] in ("model_type", "model_attributes_type") and location in (("dataset",), ("teacher",)):
        return f"'{location[0]}' is {detail['input']!r}; expected {{source: …}}, with its other keys beside it"
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    return (
        f"'{'.'.join(where)}' is {detail['input']!r}: {message}"
        if where
        else f"{detail['input']!r} was given: {message}"
    )


def _place(location: Place, model: type[BaseModel]) -> tuple[list[str], type[BaseModel]]:
    """Return the keys of a complaint's place, without pydantic's names for the branches of a union, and the model that
    holds the last of them.
    """
    keys: list[str] = []
    for part in location:
        if isinstance(part, int):
            keys.append(str(part))
        if part not in model.model_fields:
            continue
        keys.append(str(part))
        annotation = model.model_fields[str(part)].annotation
        for one in (annotation, *get_args(annotation)):  # of one that may be left out, None is the other
            if isinstance(one, type) and issubclass(one, BaseModel):
                model = one
    return keys, model
