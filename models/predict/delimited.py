"""CSV and TSV as windows of whole records: a line's end inside quotes ends none."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from models.data.columns import find_text_column, seen
from models.data.delimited import find_delimiter
from models.data.dialect import SAMPLE_CHARACTERS, Dialect, Kept, begins_with_a_quote, find_quote, first_rows
from models.data.first_lines import pass_blank_lines
from models.data.records import unreadable
from models.data.rows import usable_text
from models.predict.cells import as_object
from models.predict.formats import Format, Input, Window, refuse_doubles, window_of
from models.predict.stream import LONGEST, Stream, decode
from models.runtime.errors import BonsaiError

LEAST_SWALLOWED = 3  # lines; two may look like rows by chance


class DelimitedRows:
    """Rows of text, all fields of each."""

    def __init__(self, source: Input) -> None:
        self.texts: list[str] = []
        self.unusable: list[tuple[str, str]] = []
        self.kept: list[list[str]] = []
        self._columns = source.columns

    def fields(self) -> list[list[Any]]:
        """The fields as they were read."""
        return self.kept

    def objects(self) -> Iterator[str]:
        """Every row as an object of strings."""
        return (as_object(dict(zip(self._columns, fields, strict=True)))[:-1] for fields in self.kept)

    def batch(self, schema: Any) -> Any:
        """All rows as columns of strings."""
        import pyarrow

        columns = list(zip(*self.kept, strict=True)) or [()] * len(self._columns)
        return pyarrow.record_batch([pyarrow.array(column, pyarrow.string()) for column in columns], schema=schema)


def open_delimited(path: Path, form: Format, text_column: str | None) -> Input:
    """Find the names of the columns and how fields are told apart (BonsaiError)."""
    csv.field_size_limit(LONGEST)
    with Stream(path) as stream:
        mark = stream.at
        data = stream.read_lines(SAMPLE_CHARACTERS, 1)
    skipped, head, delimiter = pass_blank_lines(decode(data, path.name, 1))
    if not head.strip():
        raise BonsaiError(f"{path.name}: empty; expected a first line with the names of the columns")

    def names_text(fields: Sequence[str]) -> bool:
        try:
            find_text_column(fields, text_column, path.name, recipe=False)
        except BonsaiError:
            return False
        return True

    delimiter = delimiter or _find_delimiter(head, names_text, tabs=form.tabs)
    if not delimiter.isascii():
        raise BonsaiError(f"{path.name}: the delimiter '{delimiter}'; expected a comma, a semicolon, a tab or the like")
    dialect = _find_dialect(head, delimiter)
    lines = _Lines(head)
    try:
        columns: list[str] = next((fields for fields in _read(lines, dialect) if fields), [])
    except csv.Error as error:
        raise BonsaiError(unreadable(skipped + 1, lines.taken, str(error), path.name)) from error
    refuse_doubles(columns, path.name)
    try:
        text = find_text_column(columns, text_column, path.name, recipe=False)
    except BonsaiError as error:
        raise BonsaiError(
            f"{error}; if that first line is a row already, put one with the names of the columns above it"
        ) from error
    before = len(data) - len(head.encode())
    return Input(
        path,
        form,
        tuple(columns),
        text,
        window_of(path.stat().st_size),
        mark + before + lines.length,
        1 + skipped + lines.taken,
        dialect,
    )


def _find_delimiter(head: str, names_text: Callable[[Sequence[str]], bool], *, tabs: bool) -> str:
    """Return the delimiter; of one column, which any would name, the usual one unless texts hold it without quotes."""
    found, usual = find_delimiter(head, names_text, tabs=tabs), "\t" if tabs else ","
    names = next(iter(first_rows(head, found)), (1, []))[1]
    return usual if len(names) == 1 and _has_one_column(head, usual) else found


def _has_one_column(head: str, delimiter: str) -> bool:
    rows = csv.reader(_lines(head), delimiter=delimiter, strict=True)
    try:
        return all(len(fields) <= 1 for fields in rows)
    except csv.Error:
        return len(head) >= SAMPLE_CHARACTERS and rows.line_num == len(_lines(head))  # cut within a text


def delimited_windows(source: Input, at: int, line: int) -> Iterator[Window]:
    """Cut the rows from there on into windows that end where a record does."""
    assert source.dialect is not None
    with Stream(source.path, at) as stream:
        while data := stream.read_lines(source.window, line):
            if source.dialect.quoting != csv.QUOTE_NONE and source.dialect.quote.encode() in data:
                data = _up_to_a_record_end(data, stream, source.dialect)
            lines = data.count(b"\n")
            yield Window(data, line, stream.at, line + lines, stream.share)
            line += lines


def _up_to_a_record_end(data: bytes, stream: Stream, dialect: Dialect) -> bytes:
    """Return the data and those lines after it that belong to its last record.

    Only a reader knows: a quote inside an unquoted field is a character like any other. Latin-1 keeps every byte, and
    quotes and delimiters are ASCII.
    """
    parts, taken = [data], 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.StringIO(data.decode("latin-1"), newline=""):
            taken += 1
            yield line
        while taken and (more := stream.read_line()):
            parts.append(more)
            yield more.decode("latin-1")

    try:
        for _ in _read(lines(), dialect):
            taken = 0
    except csv.Error:
        pass  # what reads the rows of this window says it, with its line
    return b"".join(parts)


def delimited_rows(source: Input, window: Window) -> DelimitedRows:
    """Return the rows of a window (BonsaiError where a quote has no end)."""
    assert source.dialect is not None
    rows, place, width, before = DelimitedRows(source), source.columns.index(source.text), len(source.columns), 0
    text, named = decode(window.data, source.name, window.line), [seen(column) for column in source.columns]
    lines_read = Kept(text)
    reader = _read(lines_read, source.dialect)
    try:
        for fields in reader:
            lines = lines_read.taken[:]
            lines_read.taken.clear()
            if len(fields) < width and fields:
                fields += [""] * (width - len(fields))
            reason = _swallowed(lines, width, source.dialect) if len(lines) > 1 else ""
            if not reason and 1 < width == len(fields) and _are_names(fields, named):  # of another file behind this one
                reason = "the names of the columns again; expected a row"
            if not reason and len(fields) == width and fields[place].strip():
                rows.texts.append(fields[place])
                rows.kept.append(fields)
            elif fields:
                reason = reason or _reason(fields, width, place, source.dialect.delimiter)
                rows.unusable.append((f"{source.name}, line {window.line + before}", reason))
            before = reader.line_num
    except csv.Error as error:
        lines = reader.line_num - before
        raise BonsaiError(unreadable(window.line + before, lines, str(error), source.name)) from error
    return rows


def _swallowed(lines: Sequence[str], width: int, dialect: Dialect) -> str:
    """Return what is wrong with a row over several lines each of which is one by itself: what closed its quote did so
    by chance. Texts of several lines hold delimiters too, with a blank behind them or within a number.
    """
    filled = [line.rstrip("\r\n") for line in lines if line.strip()]
    cut = [line.split(dialect.delimiter) for line in filled]
    if len(cut) < LEAST_SWALLOWED or width == 1 or not all(_is_row(fields, width, dialect) for fields in cut):
        return ""
    mark = re.escape(dialect.delimiter)
    words = [re.split(rf"(?<!\d){mark}|{mark}(?!\d)", line) for line in filled[1:]]
    if not any(_is_row(fields, width, dialect) for fields in words):
        return ""
    return (
        f"the quote that opens in this row ends {len(lines) - 1} lines later, and all lines from one to the other are "
        "rows by themselves; expected a closing quote in the line where it opens"
    )


def _is_row(fields: Sequence[str], width: int, dialect: Dialect) -> bool:
    """Tell whether a line's pieces are as many fields as a row has, none of them empty."""
    blank = not dialect.spaced and any(field[:1] == " " for field in fields[1:])
    return len(fields) == width and not blank and all(field.strip(f" {dialect.quote}") for field in fields)


def _are_names(fields: Sequence[str], named: Sequence[str]) -> bool:
    return all(name in field and seen(field) == name for name, field in zip(named, fields, strict=True))


def _reason(fields: list[str], width: int, place: int, delimiter: str) -> str:
    if len(fields) > width:
        what = "tabs" if delimiter == "\t" else f"'{delimiter}'"
        return f"{len(fields)} fields; expected {width}, as in the first line: put texts that hold {what} in quotes"
    try:
        usable_text(fields[place])
    except ValueError as error:
        return str(error)
    raise AssertionError(fields)


def _find_dialect(head: str, delimiter: str) -> Dialect:
    """Tell by a file's first rows in which quotes its fields stand, if any, and whether blanks go before them."""
    dialect = Dialect(delimiter, find_quote(head, delimiter))
    if delimiter == "\t" and _unquoted(head):
        return dialect._replace(quoting=csv.QUOTE_NONE)
    spaced = dialect._replace(spaced=True)
    try:
        rows = list(_read(_lines(head), dialect))
        if any(begins_with_a_quote(field, dialect.quote) for row in rows for field in row[1:]):
            list(_read(_lines(head), spaced))
            return spaced
    except csv.Error:
        pass
    return dialect


def _unquoted(head: str) -> bool:
    """Tell whether quotes are characters like any other: only then every line has as many fields as the first."""
    lines = _lines(head)
    if '"' not in head:
        return False
    unquoted = {len(fields) for fields in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if fields}
    try:
        records = sum(1 for _ in csv.reader(lines, delimiter="\t", strict=True))
    except csv.Error:
        records = 0
    return len(unquoted) == 1 and records < len(lines)


def _lines(text: str) -> list[str]:
    """Return the lines as csv counts them: of Unicode's other ends of lines it knows none."""
    return list(io.StringIO(text, newline=""))


class _Lines:
    """The lines of a text as csv wants them, and how many bytes and lines of it were taken."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.length = self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.length += len(line.encode())
        self.taken += 1
        return line


def _read(lines: Iterable[str], dialect: Dialect) -> Any:
    csv.field_size_limit(LONGEST)
    return dialect.read(lines)
