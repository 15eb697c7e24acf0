"""What delimited text has in the place of the names of its columns: nothing, a delimiter, a title, a line in quotes."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence

from models.data.columns import LABEL_COLUMNS, TEXT_COLUMNS, seen
from models.data.dialect import first_rows
from models.data.labels import UNSEEN
from models.runtime.errors import BonsaiError

NamesColumns = Callable[[Sequence[str]], bool]

BLANK = re.compile(rf"(?:[^\S\r\n]|[,;|{''.join(map(chr, UNSEEN))}]|\"\")*(?:\r\n|\r|\n)")  # or of empty cells alone
MOST_ABOVE = 10  # records among which the names of the columns are looked for
LEAST_BELOW = 3  # rows that show how many fields the others have
HELP = "expected the names of the columns in the first line: remove what stands above them"


def pass_blank_lines(text: str) -> tuple[int, str, str | None]:
    """Return how many lines are blank or name a delimiter (Excel's `sep=;`), the rest, and that delimiter."""
    skipped, text = _without_blank(text)
    first, _, rest = text.partition("\n")
    said = first.strip("\r\n \"'")
    if said[:4].casefold() == "sep=" and len(said) <= 5:
        more, rest = _without_blank(rest)
        return skipped + 1 + more, rest, said[4:] or "\t"
    return skipped, text, None


def refuse_title(text: str, delimiters: Sequence[str], names: NamesColumns, skipped: int, file: str) -> None:
    """Refuse lines above those that name the columns, and one alone above rows of several fields (BonsaiError)."""
    title = text[:1000].splitlines()[0].strip()
    place = f"{file}, line {skipped + 1}: {_short(title)}"
    samples = [first_rows(text, delimiter)[:MOST_ABOVE] for delimiter in delimiters]
    if any(rows and names(plain_fields(rows[0][1])) for rows in samples):
        return
    for line in (line for rows in samples for line, fields in rows[1:] if names(plain_fields(fields))):
        raise BonsaiError(
            f"{place} stands above the names of the columns in line {skipped + line}, as a title that an export "
            f"begins with; {HELP}"
        )
    for width in _widths_below(samples):
        raise BonsaiError(
            f"{place} is one field, and the lines below it have {width} each: a title that an export begins with, or "
            f"too few names; {HELP}"
        )


def refuse_quoted_lines(text: str, delimiters: Sequence[str], names: NamesColumns, skipped: int, file: str) -> None:
    """Refuse lines each of which is one field for the quotes around it: the first, all, or all but the first
    (BonsaiError).
    """
    for delimiter in delimiters:
        try:
            rows = first_rows(text, delimiter, strict=True)
        except csv.Error:  # a quote ends before the field does, so another delimiter follows it
            continue
        inside = [_fields_inside(fields, delimiter) for _, fields in rows]
        widths = [len(fields) for fields in inside]
        first = len(rows[0][1]) if rows and names(plain_fields(rows[0][1])) else 0
        if rows and names(plain_fields(inside[0])):
            place = 0
        elif len(rows) > 1 and widths[1] > 1 and set(widths[1:]) == {first or widths[0]}:
            place = 1 if first else 0
        else:
            continue
        line, fields = rows[place]
        field = next(field for field in fields if field.strip())
        raise BonsaiError(
            f"{file}, line {skipped + line}: the whole line stands in quotes, so it is one field, {_short(field)}, as "
            "a spreadsheet saves lines that stand in one of its columns; expected a column for each field (in Excel: "
            "Data, Text to Columns), or lines without the quotes around them"
        )


def plain_fields(fields: Sequence[str]) -> list[str]:
    """Return fields without blanks and quotes around them (`text, "label"`)."""
    return [field.strip(" \"'") for field in fields]


def _fields_inside(fields: Sequence[str], delimiter: str) -> list[str]:
    """Return the fields that a record's only one holds: it has the delimiter, so it stood in quotes."""
    filled = [field for field in fields if field.strip()]
    held = filled[0] if len(filled) == 1 and delimiter in filled[0] else ""
    return next(csv.reader([held], delimiter=delimiter), []) if "\n" not in held and "\r" not in held else []


def _short(text: str) -> str:
    return f"'{text if len(text) <= 60 else f'{text[:60]}…'}'"


def _widths_below(samples: Sequence[Sequence[tuple[int, list[str]]]]) -> Iterator[int]:
    """Return how many fields all records have but the first, which has one of no usual name, if no delimiter cuts all
    records alike.
    """
    if any({len(fields) for _, fields in rows} == {max(2, len(rows[0][1]))} for rows in samples if rows):
        return
    for rows in samples:
        first, *below = [[field for field in map(seen, fields) if field] for _, fields in rows] or [[]]
        widths = {len(fields) for _, fields in rows[1:]}
        usual = first[:1] and first[0].casefold() in (*TEXT_COLUMNS, *LABEL_COLUMNS)
        several = len(below) >= LEAST_BELOW and all(len(filled) > 1 for filled in below)
        if several and len(first) == 1 and len(widths) == 1 and not usual:
            yield widths.pop()


def _without_blank(text: str) -> tuple[int, str]:
    skipped, place = 0, 0
    while blank := BLANK.match(text, place):
        skipped, place = skipped + 1, blank.end()
    return skipped, text[place:]
