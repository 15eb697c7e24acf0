"""Read a recipe from YAML, before anything heavy is imported."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from models.recipe.recipe import Recipe
from models.recipe.refusals import first_error
from models.runtime.errors import BonsaiError
from models.runtime.yaml_text import load_yaml

DEFAULT_RECIPE = Path(__file__).parents[1] / "recipes" / "default.yaml"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; refuse unknown keys, wrong types, duplicate and reserved names in one sentence (BonsaiError)."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"), _RecipeLoader)
        return Recipe.model_validate({} if content is None else content)
    except OSError as error:
        raise BonsaiError(
            f"recipe '{path}': {error.strerror}; expected a YAML file such as {DEFAULT_RECIPE.name}"
        ) from error
    except UnicodeDecodeError as error:
        raise BonsaiError(f"recipe '{path}': not UTF-8 at byte {error.start}; expected a UTF-8 YAML file") from error
    except yaml.YAMLError as error:
        raise BonsaiError(f"recipe '{path}': not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise BonsaiError(f"recipe '{path.name}': {first_error(error, Recipe)}") from error


class _RecipeLoader(yaml.SafeLoader):
    """YAML as people expect it: no key twice (it keeps the last without a word), and 2e-4 is a number (YAML 1.1 wants
    2.0e-4).
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        written = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in written]  # type: ignore[no-untyped-call]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(
                    f"the key '{key}' stands there twice (line {node.start_mark.line + 1} on); expected it once"
                )
        return super().construct_mapping(node, deep)


_RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)  # type: ignore[no-untyped-call]
