"""Which rows one JSON value holds: an array, one array a split or an object of columns; and what stands beside them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.data.class_names import names_in_order
from models.data.splits import split_said

SPLIT = "split"
COLUMNS, DATA, INDEX = "columns", "data", "index"  # the keys of pandas' orient="split"
NAMES_OF_CLASSES = ("labels", "label_names", "classes", "class_names", "names", "categories", "intents", "id2label")

NamesColumns = Callable[[Sequence[str]], bool]  # whether a text and a label are among these columns


class LostRowsError(ValueError):
    """Why some rows of a value would be lost or fall to another split."""


@dataclass(frozen=True)
class Found:
    """Rows, the names of their classes by the key that they stand under, and the keys of all else."""

    rows: list[dict[str, Any] | str]  # or why it is none
    names: Mapping[str, list[str]]
    passed_over: tuple[str, ...] = ()


def find_rows(whole: Any, names_columns: NamesColumns) -> Found | None:
    """Return the rows of a JSON value, None where its layout is another (LostRowsError)."""
    return _by_split(whole, names_columns) or _listed(whole, names_columns)


def _by_split(whole: Any, names_columns: NamesColumns) -> Found | None:
    """Return the rows of an object with keys for splits, each row with its split in a column of that name."""
    if not isinstance(whole, dict):
        return None
    listed = {key: _listed(whole[key], names_columns) for key in whole if split_said(key)}
    parts = {key: found for key, found in listed.items() if found is not None and found.rows}
    splits = {key: split_said(key) for key in parts}
    rows = [(splits[key], row) for key, part in parts.items() for row in part.rows]
    objects = [row for _, row in rows if isinstance(row, dict)]
    own = any(row.get(SPLIT) is not None for row in objects)
    if not objects or (own and len(parts) == 1):
        return None
    if own:
        raise LostRowsError(f"rows of {_keys(parts)} have a '{SPLIT}' of their own")
    if double := [key for key in parts if list(splits.values()).count(splits[key]) > 1]:
        raise LostRowsError(f"{_keys(double)} hold {splits[double[0]]} rows")
    found = _beside({key: value for key, value in whole.items() if key not in parts}, objects[0])
    inner = {f"{key}.{name}": names for key, part in parts.items() for name, names in part.names.items()}
    return Found(
        [row | {SPLIT: split} if isinstance(row, dict) else row for split, row in rows],
        {**found.names, **inner},
        (*found.passed_over, *(f"{key}.{other}" for key, part in parts.items() for other in part.passed_over)),
    )


def _listed(whole: Any, names_columns: NamesColumns) -> Found | None:
    """Return the rows of an array, of an object that has one array of objects, and of an object of equally long columns
    or of rows by their index.
    """
    if isinstance(whole, list):
        return Found(_objects(whole), {})
    if not isinstance(whole, dict):
        return None
    split = _by_width(whole.get(COLUMNS), whole.get(DATA))
    if split is not None:
        rest = {key: value for key, value in whole.items() if key not in (COLUMNS, DATA, INDEX)}
        found = _beside(rest, dict.fromkeys(whole[COLUMNS]))
        return Found(split, found.names, found.passed_over)
    arrays = {key: value for key, value in whole.items() if isinstance(value, list) and value and _is_object(value[0])}
    if arrays:
        taken, rows = next(iter(arrays.items()))
        found = _beside({key: value for key, value in whole.items() if key != taken}, rows[0])
        return Found(_objects(rows), found.names, found.passed_over)
    columns = _columns(whole, names_columns)
    if columns is not None:
        return Found(columns, {})
    named = {key: value for key, value in whole.items() if key in NAMES_OF_CLASSES}
    columns = (
        _columns({key: value for key, value in whole.items() if key not in named}, names_columns) if named else None
    )
    if columns is None:
        return None
    found = _beside(named, {})
    return Found(columns, found.names, found.passed_over)


def _objects(rows: list[Any]) -> list[dict[str, Any] | str]:
    return [row if isinstance(row, dict) else f"a JSON {type(row).__name__}; expected an object" for row in rows]


def _columns(whole: dict[str, Any], names_columns: NamesColumns) -> list[dict[str, Any] | str] | None:
    """Return the rows of columns of equal length, as lists or as pandas writes them: by row in each column
    (orient="columns"), by column in each row (orient="index"), or None where it may be both.
    """
    columns, tables = dict(whole), [value for value in whole.values() if isinstance(value, dict)]
    if tables and len(tables) == len(whole):
        inside = list(dict.fromkeys(column for table in tables for column in table))
        if names_columns(inside) and any(isinstance(value, str) for value in tables[0].values()):
            return None if names_columns(list(whole)) or any(map(split_said, whole)) else _objects(tables)
        if any(table.keys() != tables[0].keys() for table in tables):
            return None
        columns = {key: [value[row] for row in tables[0]] for key, value in whole.items()}
    if (
        all(isinstance(column, list) for column in columns.values())
        and len({len(column) for column in columns.values()}) == 1
    ):
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return None


def _by_width(columns: Any, data: Any) -> list[dict[str, Any] | str] | None:
    """Return the rows of names and lists of as many values (pandas' orient="split")."""
    if not isinstance(columns, list) or not isinstance(data, list) or len(set(map(str, columns))) < len(columns):
        return None
    if not data or not all(isinstance(row, list) for row in data) or not all(isinstance(key, str) for key in columns):
        return None
    return [
        dict(zip(columns, row, strict=True))
        if len(row) == len(columns)
        else f"{len(row)} value(s); expected {len(columns)}, one for each of 'columns'"
        for row in data
    ]


def _beside(beside: dict[str, Any], row: dict[str, Any]) -> Found:
    """Return the names of the classes in the order of their numbers, if there are any, and the keys of the rest
    (LostRowsError).
    """
    if lost := next((key for key, value in beside.items() if _holds_rows(key, value, row)), None):
        raise LostRowsError(
            f"'{lost}' may hold rows too, which would be lost"
        )  # none may be passed over: it could be the test rows
    named = ((key, names) for key in NAMES_OF_CLASSES if (names := names_in_order(beside.get(key))))
    found = dict([first] if (first := next(named, None)) else [])
    return Found([], found, tuple(key for key in beside if key not in found))


def _holds_rows(key: str, value: Any, row: dict[str, Any]) -> bool:
    """Tell whether what stands beside an array of rows is rows, too: a split by its name, an array like it, or one with
    the same keys further inside.
    """
    if not value or not isinstance(value, list | dict | str):
        return False
    if split_said(key) or (isinstance(value, list) and any(isinstance(item, dict | list) for item in value)):
        return True
    inside: list[Any] = [value]
    while inside:
        item = inside.pop()
        if isinstance(item, list):
            if any(_is_object(first) and _alike(first, row) for first in item[:1]):
                return True
        elif isinstance(item, dict):
            if _alike({key: column for key, column in item.items() if _is_column(column)}, row):
                return True
            if _by_width(item.get(COLUMNS), item.get(DATA)) is not None:
                return True
            if sum(_is_object(other) and _alike(other, row) for other in item.values()) > 1:
                return True
            inside += item.values()
    return False


def _is_column(value: Any) -> bool:
    """Tell whether a value is a column: a list, or pandas' object of numbered rows."""
    return isinstance(value, list) or (isinstance(value, dict) and any(key.isdecimal() for key in value))


def _alike(item: dict[str, Any], row: dict[str, Any]) -> bool:
    return len(item.keys() & row.keys()) > 1


def _keys(keys: Iterable[str]) -> str:
    return " and ".join(f"'{key}'" for key in keys)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
