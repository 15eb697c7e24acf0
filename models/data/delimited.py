"""CSV and its relatives: which delimiter separates the fields, and whether the first line names the columns."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence

from models.data.columns import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
    NoLabelError,
    NumberedRow,
    Table,
    find_columns,
    names_columns,
    seen,
)
from models.data.dialect import DELIMITERS, first_rows
from models.data.first_lines import pass_blank_lines, plain_fields, refuse_quoted_lines, refuse_title
from models.data.records import Record, read_records
from models.data.swallowed import Layout, refuse_swallowed_rows
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

TEXT, LABEL = TEXT_COLUMNS[0], LABEL_COLUMNS[0]
LEAST_WORDS = (
    3  # a first line that holds as many in one field, and a label that later lines repeat in the other, is a row
)


def read_delimited(text: str, file: str, source: DatasetSource, *, tabs: bool) -> Table:
    """Return a table whose first line names its columns or is plainly a row; refuse quotes without an end and lines
    that name nothing (BonsaiError).
    """
    # No field is longer than its file. The limit is there against files that do not fit in memory; this one is in
    # memory.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    skipped, text, delimiter = pass_blank_lines(text)
    if not text.strip():
        raise BonsaiError(f"{file}: no rows; expected at least one text with its label")
    delimiters = [delimiter] if delimiter else DELIMITERS

    def names(fields: Sequence[str]) -> bool:
        return names_columns(fields, source, file)

    refuse_quoted_lines(text, delimiters, names, skipped, file)
    refuse_title(text, delimiters, names, skipped, file)
    delimiter = delimiter or find_delimiter(text, names, tabs=tabs)
    records, spaced = read_records(text, delimiter, skipped, file)
    columns, label = tuple(records[0].fields), LABEL
    if (
        (guessed := _columns_of_rows(records))
        and not names_columns(columns, source, file)
        and not (source.text_column or source.label_column)
    ):
        columns = guessed
        console.print(
            f"{file}: the first line is a row, not names of columns; the columns are read as {' and '.join(columns)}",
            markup=False,
            soft_wrap=True,
        )
    else:
        try:
            label = find_columns(columns, source, file).label
        except NoLabelError:  # a line that names the texts names columns
            raise
        except BonsaiError as error:
            if mark := _other_delimiter(columns, names):
                raise BonsaiError(
                    f"{file}: the first line, {columns[0]!r}, is cut by {mark!r}; expected fields that a comma, a "
                    "semicolon, a tab or | separates"
                ) from error
            raise BonsaiError(
                f"{error}; if that first line is a row already, put one with the names of the columns above it"
            ) from error
        records = records[1:]
    _refuse_other_width(records, columns, delimiter, file)
    refuse_swallowed_rows(records, Layout(len(columns), columns.index(label), delimiter, spaced), file)

    repeated = _plain(columns)

    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        places = {name: columns.index(name) for name in wanted}
        for record in records:
            fields = record.fields
            if _plain(fields) == repeated:  # files that were put behind one another
                yield record.line, "the names of the columns again; expected a row"
            elif len(fields) > len(columns):
                advice = (
                    f"put texts that hold '{delimiter}' in quotes"
                    if delimiter != "\t"
                    else "put texts that hold tabs in quotes"
                )
                yield record.line, f"{len(fields)} fields; expected {len(columns)}, as in the first line: {advice}"
            else:
                yield (
                    record.line,
                    {name: fields[place] if place < len(fields) else None for name, place in places.items()},
                )

    return Table(file, "line", columns, read)


def _other_delimiter(columns: Sequence[str], names: Callable[[Sequence[str]], bool]) -> str:
    """Return the mark that would cut a first line of one field into the names of columns; nothing where none does."""
    marks = set(re.findall(r"\W+", columns[0])) if len(columns) == 1 else set[str]()
    return next((mark for mark in sorted(marks) if names(columns[0].split(mark))), "")


def _refuse_other_width(records: Sequence[Record], columns: Sequence[str], delimiter: str, file: str) -> None:
    """Refuse a first line of fewer or more names than any row has fields (BonsaiError): each row's own fault would say
    nothing of the cause.
    """
    widths = {len(record.fields) for record in records}
    mark = "a tab" if delimiter == "\t" else f"'{delimiter}'"
    if widths == {len(columns) + 1}:
        raise BonsaiError(
            f"{file}: each row has {len(columns) + 1} fields, and the first line names {len(columns)} columns: "
            f"{_one_too_many(records, mark)}"
        )
    if widths == {1} and len(columns) > 1:
        raise BonsaiError(
            f"{file}: the first line is cut by {mark}, which no row has; expected the same delimiter in all lines"
        )


def _one_too_many(records: Sequence[Record], mark: str) -> str:
    """Return why every row has a field more than the first line, and what helps."""
    first = {record.fields[0] for record in records}
    if not any(record.fields[-1].strip() for record in records):
        return "each row ends with a delimiter; expected a name for every column"
    if len(first) == len(records) and not any(" " in name for name in first):
        return "the names of rows stand without one (R's write.table); expected a name for every column"
    return f"each holds {mark} within a text; expected quotes around a text that holds it"


def _plain(fields: Sequence[str]) -> list[str]:
    return [seen(field) for field in fields]


def find_delimiter(text: str, names: Callable[[Sequence[str]], bool], *, tabs: bool) -> str:
    """Return the delimiter under which the first line names the columns or else the one that cuts the first rows into
    the most, and equally many, fields.
    """
    samples = {delimiter: [fields for _, fields in first_rows(text, delimiter)] for delimiter in DELIMITERS}
    named = [delimiter for delimiter, rows in samples.items() if rows and names(plain_fields(rows[0]))]
    regular = [delimiter for delimiter, rows in samples.items() if len({len(row) for row in rows}) == 1]
    usual = "\t" if tabs else ","
    return named[0] if named else max(regular or [usual], key=lambda delimiter: len(samples[delimiter][0]))


def _columns_of_rows(records: Sequence[Record]) -> tuple[str, str] | None:
    """Return the two columns of a file without names, where the first row leaves no doubt which is which: one field is
    several words, the other recurs.
    """
    first = records[0].fields
    if len(first) != 2:
        return None
    for text, label in ((0, 1), (1, 0)):
        recurs = [
            any(len(record.fields) == 2 and record.fields[place] == first[place] for record in records[1:])
            for place in (text, label)
        ]
        if recurs == [False, True] and len(first[text].split()) >= LEAST_WORDS:
            return (TEXT, LABEL) if text == 0 else (LABEL, TEXT)
    return None
