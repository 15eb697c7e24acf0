"""Values as cells of a delimited file and as JSON, whatever format they come from."""

import json
from typing import Any

import orjson


def cell(value: Any) -> Any:
    """Return a value as csv writes it: text as it is, nothing as an empty cell, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_said)
    return _said(value) if isinstance(value, bytes) else str(value)


def as_object(row: dict[str, Any]) -> str:
    """Return a row as JSON."""
    try:
        return orjson.dumps(row, default=_said).decode()
    except TypeError:  # a whole number of more than 64 bits, half a surrogate pair
        return json.dumps(row, default=_said)


def _said(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
