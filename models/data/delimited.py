"""CSV and its relatives: which delimiter separates the fields, whether the first line names the columns, and whether
every quote has its end.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from models.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, NumberedRow, Table, find_columns
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

DELIMITERS = ("\t", "|", ";", ",")  # the rarest in prose first: the text "now, please;late" is cut by its semicolon
TEXT, LABEL = TEXT_COLUMNS[0], LABEL_COLUMNS[0]
SAMPLE, SAMPLE_CHARACTERS = (
    50,
    1_000_000,
    # rows, and what they are looked for in, by which a delimiter is judged where the first line names no column that is
    # known
)
LEAST_WORDS = (
    3  # a first line that holds as many in one field, and a label that later lines repeat in the other, is a row
)


@dataclass(frozen=True)
class Record:
    """The fields of one row, and the first line that they were read from."""

    line: int
    fields: list[str]
    lines: tuple[str, ...] = ()  # as they stand in the file, where they are several


def read_delimited(text: str, file: str, source: DatasetSource, *, tabs: bool) -> Table:
    """Return a table whose first line names its columns or is plainly a row; refuse quotes without an end and lines
    that name nothing (BonsaiError).
    """
    # No field is longer than its file. The limit is there against files that do not fit in memory; this one is in
    # memory.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    skipped, text, delimiter = excel_delimiter(text)
    if not text.strip():
        raise BonsaiError(f"{file}: no rows; expected at least one text with its label")
    delimiter = delimiter or find_delimiter(text, lambda fields: _names_columns(fields, source, file), tabs=tabs)
    records = _records(text, delimiter, skipped, file)
    columns, label = tuple(records[0].fields), LABEL
    if (
        (guessed := _columns_of_rows(records))
        and not _names_columns(columns, source, file)
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
        except BonsaiError as error:
            raise BonsaiError(
                f"{error}; if that first line is a row already, put one with the names of the columns above it"
            ) from error
        records = records[1:]
    _refuse_swallowed_rows(records, columns, columns.index(label), delimiter, file)

    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        places = {name: columns.index(name) for name in wanted}
        for record in records:
            fields = record.fields
            if len(fields) > len(columns):
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


def excel_delimiter(text: str) -> tuple[int, str, str | None]:
    """Return how many lines said which delimiter follows (Excel's `sep=;`), the rest, and that delimiter."""
    first, _, rest = text.partition("\n")
    said = first.strip("\r\n \"'")
    if said[:4].casefold() == "sep=" and len(said) <= 5:
        return 1, rest, said[4:] or "\t"
    return 0, text, None


def find_delimiter(text: str, names_columns: Callable[[Sequence[str]], bool], *, tabs: bool) -> str:
    """Return the delimiter under which the first line names the columns or else the one that cuts the first rows into
    the most, and equally many, fields.
    """
    start = text[:SAMPLE_CHARACTERS]
    samples = {
        delimiter: [
            row for row in islice(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), SAMPLE) if row
        ]
        for delimiter in DELIMITERS
    }
    named = [delimiter for delimiter, rows in samples.items() if rows and names_columns(rows[0])]
    regular = [delimiter for delimiter, rows in samples.items() if len({len(row) for row in rows}) == 1]
    usual = "\t" if tabs else ","
    return named[0] if named else max(regular or [usual], key=lambda delimiter: len(samples[delimiter][0]))


def _names_columns(fields: Sequence[str], source: DatasetSource, file: str) -> bool:
    try:
        find_columns(fields, source, file)
    except BonsaiError:
        return False
    return True


def _records(text: str, delimiter: str, skipped: int, file: str) -> list[Record]:
    try:
        records, failure = list(_parse(text, delimiter, skipped, file, quoting=csv.QUOTE_MINIMAL)), None
    except BonsaiError as error:
        records, failure = [], error
    if delimiter == "\t" and (failure or any(record.lines for record in records)):
        # Many tab-separated files do without quotes, and then a quote is a character like any other: lines of equally
        # many fields say so.
        unquoted = list(_parse(text, delimiter, skipped, file, quoting=csv.QUOTE_NONE))
        if len({len(record.fields) for record in unquoted}) == 1:
            return unquoted
    if failure:
        raise failure
    return records


def _parse(text: str, delimiter: str, skipped: int, file: str, *, quoting: int) -> Iterator[Record]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True, quoting=quoting)  # type: ignore[arg-type]
    try:
        for fields in reader:
            if fields:
                yield Record(reader.line_num - len(taken) + 1 + skipped, fields, tuple(taken) if len(taken) > 1 else ())
            taken.clear()
    except csv.Error as error:
        raise BonsaiError(
            unreadable(reader.line_num - len(taken) + 1 + skipped, len(taken), str(error), file)
        ) from error


def unreadable(line: int, lines: int, reason: str, file: str) -> str:
    """Say what is wrong with a quote that opens in this line, and how far its row was read."""
    if "end of data" in reason:
        return (
            f"{file}, line {line}: the quote that opens in this row has no end; expected a closing quote, or two "
            "quotes for each that belongs to the text"
        )
    until = (
        f" ends in line {line + lines - 1}, in the middle of a text" if lines > 1 else " ends in the middle of a text"
    )
    return (
        f"{file}, line {line}: the quote that opens in this row{until} ({reason}); "
        "expected a closing quote at the end of the text, and two quotes for each that belongs to it"
    )


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


def _refuse_swallowed_rows(
    records: Sequence[Record], columns: Sequence[str], label: int, delimiter: str, file: str
) -> None:
    """Refuse a row over several lines of which every one is a row by itself: an opening quote lost its end, and a later
    quote closed it by chance.
    """
    labels = {record.fields[label] for record in records if len(record.fields) == len(columns)}
    for record in (record for record in records if record.lines):
        given = [
            {row[label] for row in _readings(line, delimiter) if len(row) == len(columns)} for line in record.lines
        ]
        often = Counter(name for names in given for name in names)
        if all(any(name in labels or often[name] > 1 for name in names) for names in given):
            last = record.line + len(given) - 1
            raise BonsaiError(
                f"{file}, line {record.line}: the quote that opens in this row ends in line {last}, and all "
                f"{len(given)} lines from one to the other "
                f"are rows by themselves; expected a closing quote in line {record.line}"
            )


def _readings(line: str, delimiter: str) -> list[list[str]]:
    """Return the fields of one line, as it is and without its first or its last quote."""
    spellings = {line, line.replace('"', "", 1), "".join(line.rsplit('"', 1))}
    return [next(csv.reader([spelling], delimiter=delimiter), []) for spelling in spellings]
