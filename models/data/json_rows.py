"""JSON as data sets come in it: one object a line, an array of objects, an object that holds such an array, or an
object of columns.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from models.data.columns import NumberedRow, Table
from models.runtime.errors import BonsaiError

ONE_A_LINE = "expected one object a line"


def read_json(text: str, file: str) -> Table:
    """Return the rows of a JSON text in either layout; a line that is no object is left for the check of rows
    (BonsaiError where the layout is another).
    """
    whole = _whole(text)
    listed = _listed(whole)
    if listed is not None:
        return _table(
            file,
            "row",
            [
                (number, row if isinstance(row, dict) else f"a JSON {_kind(row)}; expected an object")
                for number, row in enumerate(listed, 1)
            ],
        )
    if whole is None and text.lstrip()[:1] == "[":
        raise BonsaiError(f"{file}{_broken_at(text)}; expected an array of objects, or one object a line")
    if isinstance(whole, dict) and any(isinstance(value, dict | list) for value in whole.values()):
        raise BonsaiError(
            f"{file}: one JSON object with the keys {', '.join(map(str, list(whole)[:8]))}; expected an array of "
            "objects, or one object a line"
        )
    return _table(
        file, "line", [(number, json_object(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    )


def _table(file: str, unit: str, rows: list[NumberedRow]) -> Table:
    columns = tuple(dict.fromkeys(str(key) for _, row in rows if isinstance(row, dict) for key in row))
    if not columns and rows:
        number, fault = rows[0]
        raise BonsaiError(
            f"{file}, {unit} {number}: {fault or 'an object without keys'}; none of its {len(rows)} {unit}s is an "
            "object with a text and a label"
        )

    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        return iter(rows)

    return Table(file, unit, columns, read)


def _whole(text: str) -> Any:
    """Return what the text holds if it is one JSON value and no more."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _listed(whole: Any) -> list[Any] | None:
    """Return the rows of an array, of an object that has one array of objects, or one under `data`, and of an object of
    equally long columns.
    """
    if isinstance(whole, list):
        return whole
    if not isinstance(whole, dict):
        return None
    arrays = {
        key: value for key, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    if arrays:  # no other may be passed over: it could be the test rows
        return next(iter(arrays.values())) if len(arrays) == 1 and not _has_more_rows(whole) else None
    columns = dict(whole)
    tables = [value for value in whole.values() if isinstance(value, dict)]
    if tables and len(tables) == len(whole):  # pandas writes {column: {row: value}}
        if any(table.keys() != tables[0].keys() for table in tables):
            return None
        columns = {key: [value[row] for row in tables[0]] for key, value in whole.items()}
    if (
        all(isinstance(column, list) for column in columns.values())
        and len({len(column) for column in columns.values()}) == 1
    ):
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return None


def _has_more_rows(whole: dict[str, Any]) -> bool:
    """Tell whether an object with an array of objects has another array that looks like rows."""
    return any(
        isinstance(value, list)
        and any(isinstance(row, dict | list) for row in value)
        and not (value and isinstance(value[0], dict))
        for value in whole.values()
    )


def json_object(line: str) -> dict[str, Any] | str:
    """Return the object that a line holds, or what is wrong with it."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg}); {ONE_A_LINE}"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in brackets without end
        return f"not usable as JSON ({error}); {ONE_A_LINE}"
    return row if isinstance(row, dict) else f"a JSON {_kind(row)}; {ONE_A_LINE}"


def _broken_at(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f", line {error.lineno}: not JSON ({error.msg})"
    except (ValueError, RecursionError) as error:
        return f": not usable as JSON ({error})"
    return ""


def _kind(value: object) -> str:
    return type(value).__name__
