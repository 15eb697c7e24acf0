"""JSON with one object a line. Rows stay as they are written: numbers of many digits lose none of them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from models.data.columns import find_text_column
from models.data.json_rows import ONE_A_LINE, json_object
from models.data.rows import SURROGATE, usable_text
from models.predict.cells import cell
from models.predict.formats import Format, Input, Window, window_of
from models.predict.stream import Stream, decode
from models.runtime.errors import BonsaiError

BYTE_ORDER_MARK = "\ufeff"


class JsonRows:
    """Objects, and the lines that they stand in."""

    def __init__(self, source: Input) -> None:
        self.texts: list[str] = []
        self.unusable: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.numbers: list[int] = []  # of these lines
        self._columns, self._name = source.columns, source.name

    def fields(self) -> list[list[Any]]:
        """The cells of the columns that the first rows have (BonsaiError where one cannot be written as UTF-8)."""
        rows = [[cell(row.get(column)) for column in self._columns] for row in self.read_again()]
        for cells, line, number in zip(rows, self.lines, self.numbers, strict=True):
            if "\\u" not in line:  # nothing else makes one of halves
                continue
            for column, value in zip(self._columns, cells, strict=True):
                if isinstance(value, str) and SURROGATE.search(value):
                    raise BonsaiError(
                        f"{self._name}, line {number}: '{column}' holds half a surrogate pair, which is no character; "
                        "write .jsonl, which keeps it, or repair it"
                    )
        return rows

    def objects(self) -> Iterator[str]:
        """The lines as they stand there."""
        return (line[:-1] for line in self.lines)

    def batch(self, schema: Any) -> Any:
        """All rows in the types that the first ones have (BonsaiError where one has another)."""
        import pyarrow

        rows = self.read_again()
        arrays = []
        for field in schema:
            try:
                values = [row.get(field.name) for row in rows]
                arrays.append(pyarrow.array(values, field.type))
                if pyarrow.types.is_nested(field.type) or pyarrow.types.is_floating(field.type):
                    _refuse_lost(values, arrays[-1].to_pylist())
            except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise BonsaiError(
                    f"{self._name}: the column '{field.name}' is of the type {field.type} in its first rows, and of "
                    f"another later ({str(error).splitlines()[0][:120]}); write .jsonl instead, or give it one type"
                ) from error
        return pyarrow.record_batch(arrays, schema=schema)

    def read_again(self) -> list[dict[str, Any]]:
        """Return the objects with all digits of their numbers: what is fast rounds those beyond 64 bits."""
        return [json.loads(line) for line in self.lines]


def _refuse_lost(given: Sequence[Any], kept: Sequence[Any]) -> None:
    """Refuse values of which Arrow's type leaves something out (ValueError): keys, say, that the first rows lack."""
    if lost := next((one for one, other in zip(given, kept, strict=True) if not _is_kept(one, other)), None):
        raise ValueError(f"{json.dumps(lost)[:60]} would lose a part")


def _is_kept(given: Any, kept: Any) -> bool:
    if isinstance(given, dict):
        return isinstance(kept, dict) and all(key in kept and _is_kept(one, kept[key]) for key, one in given.items())
    if isinstance(given, list):
        return isinstance(kept, list) and len(given) == len(kept) and all(map(_is_kept, given, kept))
    return isinstance(given, bool) == isinstance(kept, bool)


def open_json(path: Path, form: Format, text_column: str | None) -> Input:
    """Find the columns of the first rows (BonsaiError where none holds texts)."""
    window = window_of(path.stat().st_size)
    with Stream(path) as stream:
        start, data = stream.at, stream.read_lines(window, 1)
    columns: dict[str, None] = {}
    for line in decode(data, path.name, 1).split("\n"):
        row = json_object(line) if line.strip() else {}
        columns |= dict.fromkeys(row) if isinstance(row, dict) else {}
    if not columns and data.strip():
        first = json_object(data.decode().lstrip().partition("\n")[0])
        why = first or f"an object without keys; {ONE_A_LINE}"
        raise BonsaiError(f"{path.name}: no object with a text in its first lines ({why})")
    text = find_text_column(list(columns), text_column, path.name, recipe=False) if columns else ""
    return Input(path, form, tuple(columns), text, window, start)


def json_schema(source: Input) -> Any:
    """Return the Arrow types of the first rows' columns; what holds nothing yet is text (BonsaiError where a column's
    values have no type in common).
    """
    import pyarrow

    window = next(json_windows(source, source.start, 1), None)
    rows = json_rows(source, window, frozenset()).read_again() if window is not None else []
    fields = []
    for column in source.columns:
        try:
            kind = pyarrow.array([row.get(column) for row in rows]).type
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise BonsaiError(
                f"{source.name}: the values of '{column}' have no type in common "
                f"({str(error).splitlines()[0][:120]}); write .jsonl instead, or give them one"
            ) from error
        fields.append(pyarrow.field(column, pyarrow.string() if pyarrow.types.is_null(kind) else kind))
    return pyarrow.schema(fields)


def json_windows(source: Input, at: int, line: int) -> Iterator[Window]:
    """Cut the rows from there on into windows of whole lines."""
    with Stream(source.path, at) as stream:
        while data := stream.read_lines(source.window, line):
            lines = data.count(b"\n")
            yield Window(data, line, stream.at, line + lines, stream.share)
            line += lines


def json_rows(source: Input, window: Window, new: frozenset[str], known: frozenset[str] | None = None) -> JsonRows:
    """Return the rows of a window; a key that is one of the `new` columns, or none of the `known`, makes one
    unusable.
    """
    rows, key = JsonRows(source), f'"{source.text}"'
    for number, raw in enumerate(decode(window.data, source.name, window.line).split("\n"), window.line):
        line = raw.strip().lstrip(BYTE_ORDER_MARK)  # of files that were put behind one another
        if not line:
            continue
        try:
            row = orjson.loads(line)
            text = row[source.text]
            twice = line.count(key) > 1  # perhaps, of which orjson says nothing
            if twice or not text.strip() or not new.isdisjoint(row) or not (known is None or row.keys() <= known):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            try:
                text = _with_care(line, source.text, new, known)
            except ValueError as error:
                rows.unusable.append((f"{source.name}, line {number}", str(error)))
                continue
        rows.texts.append(text)
        rows.lines.append(line)
        rows.numbers.append(number)
    return rows


def _with_care(line: str, column: str, new: frozenset[str], known: frozenset[str] | None) -> str:
    """Return the text that another reader finds in a line, or say what is wrong with it (ValueError)."""
    row = json_object(line)
    if not isinstance(row, dict):
        raise ValueError(row)
    if taken := sorted(new & row.keys()):
        raise ValueError(f"the key '{taken[0]}' is there already; give the new ones other names with --prefix")
    if known is not None and (others := sorted(row.keys() - known)):
        raise ValueError(
            f"the key '{others[0]}' is none of the first rows' ({', '.join(sorted(known))}); write .jsonl, which takes "
            "any"
        )
    return usable_text(row.get(column))
