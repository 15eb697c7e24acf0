"""How the fields of delimited text are told apart: by which delimiter, and in which quotes they may stand."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

DELIMITERS = ("\t", "|", ";", ",")  # the rarest in prose first: the text "now, please;late" is cut by its semicolon
SAMPLE, SAMPLE_CHARACTERS = 50, 1_000_000  # rows, and what they are looked for in, by which a dialect is judged
LEAST_QUOTED = 3  # rows in single quotes; a text or two may begin and end with one


class Dialect(NamedTuple):
    """csv's names of what it is told, but for `spaced`: a blank after the delimiter belongs to it."""

    delimiter: str
    quote: str = '"'
    quoting: int = csv.QUOTE_MINIMAL
    spaced: bool = False

    def read(self, lines: Iterable[str]) -> Any:
        """Return csv's strict reader of these lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=self.quoting,  # type: ignore[arg-type]
            skipinitialspace=self.spaced,
            strict=True,
        )


def first_rows(text: str, delimiter: str, *, strict: bool = False) -> list[tuple[int, list[str]]]:
    """Return the first records that a delimiter makes of a text, each with the number of its last line (csv.Error for
    quotes inside of fields where it is `strict`).
    """
    reader = csv.reader(io.StringIO(text[:SAMPLE_CHARACTERS], newline=""), delimiter=delimiter, strict=strict)
    return [(reader.line_num, fields) for fields in islice(reader, SAMPLE) if fields]


def find_quote(text: str, delimiter: str) -> str:
    """Return the single quote where each of the first rows has a field in such, or else the double one."""
    single, sample = Dialect(delimiter, "'"), Kept(text[:SAMPLE_CHARACTERS])
    mark = re.escape(delimiter)
    quoted = re.compile(rf"(?:^|{mark} *)'.*'(?: *{mark}|\s*$)", re.DOTALL)
    widths, rows = set[int](), 0
    try:
        for number, fields in enumerate(islice(single.read(sample), SAMPLE)):
            raw = sample.take()
            if not fields:
                continue
            widths.add(len(fields))
            if number and not quoted.search(raw):  # the names of the columns may do without
                return '"'
            rows += 1
    except csv.Error:
        return '"'
    return "'" if len(widths) == 1 and rows > LEAST_QUOTED else '"'


def begins_with_a_quote(field: str, quote: str) -> bool:
    """Tell whether a blank keeps a quote from being the first character (`text, "label"`)."""
    return field[:1] == " " and field.lstrip(" ")[:1] == quote


class Kept:
    """The lines of a text for csv's reader, and those that its last record was read from."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.taken.append(line := next(self._lines))
        return line

    def take(self) -> str:
        """Return what was taken since the last time."""
        raw = "".join(self.taken)
        self.taken.clear()
        return raw
