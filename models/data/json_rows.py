"""JSON as data sets come in it: one object a line, an array of objects, an object that holds such an array, or an
object of columns.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from models.data.class_names import name_classes, names_in_order
from models.data.columns import NumberedRow, Table, find_columns
from models.data.splits import split_said
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

SPLIT = "split"
NAMES_OF_CLASSES = ("labels", "label_names", "classes", "class_names", "names", "categories", "intents", "id2label")
ONE_A_LINE = "expected one object a line"


def read_json(text: str, file: str, source: DatasetSource) -> Table:
    """Return the rows of a JSON text in either layout; a line that is no object is left for the check of rows
    (BonsaiError where the layout is another).
    """
    whole = _whole(text, file)
    listed, names = _by_split(whole), None
    if listed is None:
        listed, names = _listed(whole)
    if listed is not None:
        table = _table(
            file,
            "row",
            [
                (number, row if isinstance(row, dict) else f"a JSON {_kind(row)}; expected an object")
                for number, row in enumerate(listed, 1)
            ],
        )
        if names is None:
            return table
        label = find_columns(table.columns, source, file).label
        return name_classes({"": [table]}, {label: names})[""][0]
    if whole is None and text.lstrip()[:1] == "[":
        raise BonsaiError(f"{file}{_broken_at(text)}; expected an array of objects, or one object a line")
    if isinstance(whole, dict) and any(isinstance(value, dict | list) for value in whole.values()):
        raise BonsaiError(
            f"{file}: one JSON object with the keys {', '.join(map(str, list(whole)[:8]))}; expected an array of "
            "objects, one such array for each of train, validation and test, or one object a line"
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


def _whole(text: str, file: str) -> Any:
    """Return what the text holds if it is one JSON value and no more (BonsaiError where a key in it comes twice)."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _TwiceError as error:
        with suppress(ValueError, RecursionError):
            json.loads(text)
            raise BonsaiError(f"{file}: not usable as JSON ({error}); expected each key once") from error
    except (ValueError, RecursionError):
        pass
    return None


def _by_split(whole: Any) -> list[Any] | None:
    """Return the rows of an object with a key for every split, each with its split in a column of that name."""
    if not isinstance(whole, dict) or len(whole) < 2:
        return None
    splits = [split_said(key) for key in whole]
    listed = [_listed(value)[0] for value in whole.values()]
    if None in splits or len(set(splits)) < len(splits) or any(rows is None for rows in listed):
        return None
    own = any(isinstance(row, dict) and row.get(SPLIT) is not None for rows in listed for row in rows or ())
    return (
        None
        if own
        else [
            row | {SPLIT: split} if isinstance(row, dict) else row
            for split, rows in zip(splits, listed, strict=True)
            for row in rows or ()
        ]
    )


def _listed(whole: Any) -> tuple[list[Any] | None, list[str] | None]:
    """Return the rows of an array, of an object that has one array of objects, or one under `data`, and of an object of
    equally long columns; and the names of the classes that stand beside them.
    """
    if isinstance(whole, list):
        return whole, None
    if not isinstance(whole, dict):
        return None, None
    arrays = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if arrays:
        beside = {key: value for key, value in whole.items() if value is not arrays[0]}
        if any(_holds_rows(key, value, arrays[0][0]) for key, value in beside.items()):
            return None, None  # none may be passed over: it could be the test rows
        return arrays[0], _names(beside)
    named = {key: value for key, value in whole.items() if key in NAMES_OF_CLASSES}
    columns = _columns(whole)
    if columns is not None or not named:
        return columns, None
    return _columns({key: value for key, value in whole.items() if key not in named}), _names(named)


def _columns(whole: dict[str, Any]) -> list[Any] | None:
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


def _holds_rows(key: str, value: Any, row: dict[str, Any]) -> bool:
    """Tell whether what stands beside an array of rows is rows, too: a split by its name, an array like it, or one with
    the same keys further inside.
    """
    if not value or not isinstance(value, list | dict):
        return False
    if split_said(key) or (isinstance(value, list) and any(isinstance(item, dict | list) for item in value)):
        return True
    inside: list[Any] = [value]
    while inside:
        item = inside.pop()
        if isinstance(item, list):
            if any(isinstance(first, dict) and _alike(first, row) for first in item[:1]):
                return True
        elif isinstance(item, dict):
            if _alike({key: column for key, column in item.items() if isinstance(column, list)}, row):
                return True
            inside += item.values()
    return False


def _alike(item: dict[str, Any], row: dict[str, Any]) -> bool:
    return len(item.keys() & row.keys()) > 1


def _names(beside: dict[str, Any]) -> list[str] | None:
    """Return the names of the classes in the order of their numbers, if there are any."""
    return next((names for key in NAMES_OF_CLASSES if (names := names_in_order(beside.get(key)))), None)


class _TwiceError(ValueError):
    """A key that an object has twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of these keys; of a key that comes twice the last value would go for both (_TwiceError)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        double = next(key for place, (key, _) in enumerate(pairs) if any(key == other for other, _ in pairs[:place]))
        raise _TwiceError(f"the key '{double}' comes twice in one object")
    return found


def json_object(line: str) -> dict[str, Any] | str:
    """Return the object that a line holds, or what is wrong with it."""
    try:
        row = json.loads(line.lstrip("\ufeff"), object_pairs_hook=_once)  # where files were put behind one another
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg}); {ONE_A_LINE}"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in brackets without end
        return f"not usable as JSON ({error}); {ONE_A_LINE}"
    return row if isinstance(row, dict) else f"a JSON {_kind(row)}; {ONE_A_LINE}"


def _broken_at(text: str) -> str:
    try:
        json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        return f", line {error.lineno}: not JSON ({error.msg})"
    except (ValueError, RecursionError) as error:
        return f": not usable as JSON ({error})"
    return ""


def _kind(value: object) -> str:
    return type(value).__name__
