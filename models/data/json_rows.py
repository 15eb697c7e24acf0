"""JSON as data sets come in it: one object a line, or one value that holds all rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from models.data.class_names import name_classes
from models.data.columns import NumberedRow, Table, find_columns, names_columns
from models.data.json_layouts import Found, LostRowsError, find_rows
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

ONE_A_LINE = "expected one object a line"


def read_json(text: str, file: str, source: DatasetSource) -> Table:
    """Return the rows of a JSON text in either layout; a line that is no object is left for the check of rows
    (BonsaiError where the layout is another).
    """
    whole, lost = _whole(text, file), ""
    try:
        found = find_rows(whole, lambda columns: names_columns(columns, source, file))
    except LostRowsError as error:
        found, lost = None, f" ({error})"
    if found is not None:
        return _found_table(found, file, source)
    if whole is None and text.lstrip()[:1] == "[":
        raise BonsaiError(f"{file}{_broken_at(text)}; expected an array of objects, or one object a line")
    if isinstance(whole, dict) and any(isinstance(value, dict | list) for value in whole.values()):
        raise BonsaiError(
            f"{file}: one JSON object with the keys {', '.join(map(str, list(whole)[:8]))}; expected an array of "
            f"objects, one such array for each of train, validation and test, or one object a line{lost}"
        )
    return _table(
        file, "line", [(number, json_object(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    )


def _found_table(found: Found, file: str, source: DatasetSource) -> Table:
    """Return a table of the rows of one JSON value, numbers of classes as their names, and say what is not read
    (BonsaiError).
    """
    table = _table(file, "row", list(enumerate(found.rows, 1)))
    if found.passed_over:
        keys = ", ".join(f"'{key}'" for key in found.passed_over[:8])
        are = "is" if len(found.passed_over) == 1 else "are"
        console.print(f"{file}: beside the rows {keys} {are} not read", markup=False, soft_wrap=True)
    if not found.names:
        return table
    key, names = next(iter(found.names.items()))
    if other := next((other for other, own in found.names.items() if own != names), None):
        raise BonsaiError(
            f"{file}: '{key}' and '{other}' give the classes different names or another order; expected one list of "
            "names, in the order of the numbers from 0"
        )
    console.print(f"{file}: the classes 0 to {len(names) - 1} are called as '{key}' says", markup=False, soft_wrap=True)
    label = find_columns(table.columns, source, file).label
    return name_classes({"": [table]}, {label: names})[""][0]


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
    return row if isinstance(row, dict) else f"a JSON {type(row).__name__}; {ONE_A_LINE}"


def _broken_at(text: str) -> str:
    try:
        json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        return f", line {error.lineno}: not JSON ({error.msg})"
    except (ValueError, RecursionError) as error:
        return f": not usable as JSON ({error})"
    return ""
