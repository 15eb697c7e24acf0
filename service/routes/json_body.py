"""The JSON of a body that an administrator writes: read strictly."""

import json
from collections import Counter
from typing import Any

from service.routes.refused import Refused


def read_json(body: bytes) -> Any:
    """Return what a body holds; refuse what is no JSON, or says something twice (Refused 400)."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {error}; expected an object in UTF-8") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"the key '{twice[0][:64]}' is there twice")
    return dict(pairs)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
