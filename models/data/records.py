"""The records of delimited text: fields in quotes or without, over one line or several, with or without a blank after
the delimiter.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from models.data.dialect import Dialect, Kept, begins_with_a_quote, find_quote
from models.runtime.errors import BonsaiError


@dataclass(frozen=True)
class Record:
    """The fields of one row, and the first line that they were read from."""

    line: int
    fields: list[str]
    lines: tuple[str, ...] = ()  # as they stand in the file, where they are several


def read_records(text: str, delimiter: str, skipped: int, file: str) -> tuple[list[Record], bool]:
    """Return all records, numbered from behind the lines that were `skipped`, and whether a blank after the delimiter
    belongs to it (BonsaiError where a quote has no end).
    """
    dialect = Dialect(delimiter, find_quote(text, delimiter))
    try:
        records, failure = list(_parse(text, dialect, skipped, file)), None
    except BonsaiError as error:
        records, failure = [], error
    if delimiter == "\t" and (failure or any(record.lines for record in records)):
        # Many tab-separated files do without quotes, and then a quote is a character like any other: lines of equally
        # many fields say so.
        unquoted = list(_parse(text, dialect._replace(quoting=csv.QUOTE_NONE), skipped, file))
        if len({len(record.fields) for record in unquoted}) == 1:
            return unquoted, False
    if any(begins_with_a_quote(field, dialect.quote) for record in records for field in record.fields[1:]):
        try:
            return list(_parse(text, dialect._replace(spaced=True), skipped, file)), True
        except BonsaiError:
            pass  # a text that begins with a blank and a word in quotes
    if failure:
        raise failure
    return records, False


def _parse(text: str, dialect: Dialect, skipped: int, file: str) -> Iterator[Record]:
    lines = Kept(text)
    reader = dialect.read(lines)
    try:
        for fields in reader:
            if fields:
                taken = lines.taken
                yield Record(reader.line_num - len(taken) + 1 + skipped, fields, tuple(taken) if len(taken) > 1 else ())
            lines.taken.clear()
    except csv.Error as error:
        taken = lines.taken
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
