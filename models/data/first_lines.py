"""What delimited text has above its rows in the place of the names of their columns: nothing, a delimiter, a title."""

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
    place = f"{file}, line {skipped + 1}: '{title if len(title) <= 60 else f'{title[:60]}…'}'"
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


def plain_fields(fields: Sequence[str]) -> list[str]:
    """Return fields without blanks and quotes around them (`text, "label"`)."""
    return [field.strip(" \"'") for field in fields]


def _widths_below(samples: Sequence[Sequence[tuple[int, list[str]]]]) -> Iterator[int]:
    """Return how many fields all records have but the first, which has one of no usual name."""
    for rows in samples:
        widths = {len(fields) for _, fields in rows[1:]}
        filled = [seen(field).casefold() for _, fields in rows[:1] for field in fields if field.strip()]
        usual = filled and filled[0] in (*TEXT_COLUMNS, *LABEL_COLUMNS)
        if len(rows) > LEAST_BELOW and len(filled) == 1 and len(widths) == 1 and max(widths) > 1 and not usual:
            yield max(widths)


def _without_blank(text: str) -> tuple[int, str]:
    skipped, place = 0, 0
    while blank := BLANK.match(text, place):
        skipped, place = skipped + 1, blank.end()
    return skipped, text[place:]
