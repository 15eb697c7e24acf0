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
INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
OTHER_BASE = re.compile(r"[-+]?(0[0-9_]+|[0-9_]+(:[0-9_]+)+(\.[0-9_]*)?)")


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
    """YAML as people expect it: no key twice (it keeps the last without a word), 2e-4 is a number (YAML 1.1 wants
    2.0e-4), and 010 is not 8, nor 1:30 a number of seconds.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Read a mapping; here, and not where its values are made, it is still as it was written."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)  # type: ignore[no-untyped-call]
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for tag, key in keys:
            if keys.count((tag, key)) > 1:
                raise yaml.YAMLError(
                    f"the key '{key}' stands there twice (line {node.start_mark.line + 1} on); expected it once"
                )
        return node

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Make a number of what has one meaning."""
        if OTHER_BASE.fullmatch(node.value):
            raise yaml.YAMLError(
                f"'{node.value}' (line {node.start_mark.line + 1}) is a number to base 8 or 60 in YAML; expected it "
                "without leading zeros and colons, or in quotes where it is a text"
            )
        made = self.construct_yaml_int if node.tag == INT else self.construct_yaml_float
        return made(node)  # type: ignore[no-untyped-call, no-any-return]


for _tag in (INT, FLOAT):
    _RecipeLoader.add_constructor(_tag, _RecipeLoader.construct_number)
_RecipeLoader.add_implicit_resolver(FLOAT, re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))  # type: ignore[no-untyped-call]
