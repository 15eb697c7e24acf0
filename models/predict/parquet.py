"""Parquet, a row group and some thousand rows of it at a time.

pyarrow is imported in the functions: it is heavy, and most files are text.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.data.columns import find_text_column
from models.data.rows import usable_text
from models.predict.cells import as_object, cell
from models.predict.formats import LEAST_ROWS, MOST_ROWS, Format, Input, Window, refuse_doubles, window_of
from models.runtime.errors import BonsaiError


class ArrowRows:
    """A batch of Arrow's."""

    def __init__(
        self, name: str, numbers: Sequence[int], batch: Any, texts: list[str], unusable: list[tuple[str, str]]
    ) -> None:
        self._name, self._numbers, self._batch, self.texts, self.unusable = name, numbers, batch, texts, unusable

    def fields(self) -> list[list[Any]]:
        """The cells of every row (BonsaiError where Python has no such value)."""
        return [[cell(value) for value in row] for row in self._rows()]

    def objects(self) -> Iterator[str]:
        """Every row as an object (BonsaiError where Python has no such value)."""
        return (as_object(dict(zip(self._batch.schema.names, row, strict=True)))[:-1] for row in self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        columns = zip(self._batch.schema.names, self._batch.columns, strict=True)
        return zip(*(_values(column, name, self._name, self._numbers) for name, column in columns), strict=True)

    def batch(self, schema: Any) -> Any:
        """The batch itself."""
        return self._batch


def open_parquet(path: Path, form: Format, text_column: str | None) -> Input:
    """Read a file's schema (BonsaiError where it is no Parquet, or its texts are none)."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema, rows = _plain(file.schema_arrow), file.metadata.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    refuse_doubles(schema.names, path.name)
    if not schema.names:
        raise BonsaiError(f"{path.name}: no columns; expected at least one with texts")
    text = find_text_column(schema.names, text_column, path.name, recipe=False)
    kind = schema.field(text).type
    if not any(is_kind(kind) for is_kind in (pyarrow.types.is_string, pyarrow.types.is_large_string)):
        raise BonsaiError(
            f"{path.name}: the column '{text}' is of the type {kind}; expected texts (--text-column names another)"
        )
    window = window_of(rows, LEAST_ROWS, MOST_ROWS)
    return Input(path, form, tuple(schema.names), text, window, 0, 1, schema=schema.serialize().to_pybytes())


def parquet_windows(source: Input, at: int, line: int) -> Iterator[Window]:
    """Cut the rows from there on into windows; none spans two row groups, so that whole groups can be skipped."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source.path, pre_buffer=False) as file:
            schema, place, total = read_schema(source), 0, file.metadata.num_rows
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if place + rows <= at:
                    place += rows
                    continue
                for batch in file.iter_batches(source.window, row_groups=[group]):
                    begins, place = place, place + batch.num_rows
                    if begins >= at and batch.num_rows:
                        data = _decoded(batch, schema).serialize().to_pybytes()
                        yield Window(data, begins + 1, place, place + 1, place / total)
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(source.path, error) from error


def parquet_rows(source: Input, window: Window) -> ArrowRows:
    """Return the rows of a window."""
    import pyarrow

    batch = pyarrow.ipc.read_record_batch(pyarrow.py_buffer(window.data), read_schema(source))
    unusable: list[tuple[str, str]] = []
    texts, kept = [], []
    numbers = range(window.line, window.line + batch.num_rows)
    for place, text in enumerate(_values(batch.column(source.text), source.text, source.name, numbers)):
        try:
            texts.append(usable_text(text))
            kept.append(place)
        except ValueError as error:
            unusable.append((f"{source.name}, row {window.line + place}", str(error)))
    if unusable:
        batch = batch.take(pyarrow.array(kept, pyarrow.int64()))
    return ArrowRows(source.name, [numbers[place] for place in kept], batch, texts, unusable)


def _values(column: Any, name: str, file: str, numbers: Sequence[int]) -> list[Any]:
    """Return a column's values, or say in which row there is one that Python has not (BonsaiError)."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):  # no UTF-8, a date after the year 9999
        for number, value in zip(numbers, column, strict=True):
            try:
                value.as_py()
            except (ValueError, OverflowError) as error:
                raise BonsaiError(
                    f"{file}, row {number}: the column '{name}' of the type {column.type} holds what cannot be read "
                    f"({' '.join(str(error).split())[:120]}); repair it, or leave the column out"
                ) from error
        raise
    return values


def read_schema(source: Input) -> Any:
    """Return the schema that an input's rows have in Arrow."""
    import pyarrow

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(source.schema))


def _plain(schema: Any) -> Any:
    """Return a schema without dictionaries: the values themselves stand in a message of their own."""
    import pyarrow

    fields = [
        pyarrow.field(field.name, field.type.value_type, field.nullable, field.metadata)
        if pyarrow.types.is_dictionary(field.type)
        else field
        for field in schema
    ]
    return pyarrow.schema(fields, schema.metadata)


def _decoded(batch: Any, schema: Any) -> Any:
    import pyarrow

    columns = [
        column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column for column in batch.columns
    ]
    return pyarrow.record_batch(columns, schema=schema)


def _unreadable(path: Path, error: Exception) -> BonsaiError:
    return BonsaiError(f"{path.name}: not a readable Parquet file ({' '.join(str(error).split())[:200]})")
