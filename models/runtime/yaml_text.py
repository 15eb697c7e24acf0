"""YAML, whose reader fails in more ways than it says: on dates and numbers that are none, and on endless nesting."""

from typing import Any

import yaml


def load_yaml(text: str, loader: type[yaml.SafeLoader]) -> Any:
    """Return what a text holds (yaml.YAMLError, whatever is wrong with it)."""
    try:
        return yaml.load(text, loader)
    except yaml.YAMLError:
        raise
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise yaml.YAMLError(f"a value is not what it looks like ({error})") from error
