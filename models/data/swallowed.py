"""Rows that a quote without its end swallowed: a later quote closed it by chance, and all between is one text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from models.data.records import Record
from models.runtime.errors import BonsaiError


@dataclass(frozen=True)
class Layout:
    """Where a line that is a row has its label, and what separates its fields."""

    width: int
    label: int
    delimiter: str
    spaced: bool  # a blank after it belongs to the delimiter


def refuse_swallowed_rows(records: Sequence[Record], layout: Layout, file: str) -> None:
    """Refuse a row over several lines of which the line where its quote opens, or most of them, are rows by themselves
    (BonsaiError).

    Texts of several lines hold delimiters too. What they hardly hold is a label that other rows bear, between a
    delimiter and the line's end and without a blank. Where the label stands before the text, the line to look at is
    the one where the quote closes: each time the row has a label of its own at the other end.
    """
    single = [record.fields for record in records if not record.lines and len(record.fields) == layout.width]
    known = {fields[layout.label].strip() for fields in single} - {""}
    for record in (record for record in records if record.lines):
        opened = next(place for place, field in enumerate(record.fields) if "\n" in field or "\r" in field)
        lines = [line.rstrip("\r\n") for line in record.lines if line.strip()]
        swallowed = lines[:-1] if opened < layout.label else lines[:0:-1]
        find = _last_label if opened <= layout.label > 0 else _first_label
        labels = [find(line.split(layout.delimiter), layout) for line in swallowed]
        if labels and _are_rows(labels, known):
            raise BonsaiError(
                f"{file}, line {record.line}: the quote that opens in this row ends in line "
                f"{record.line + len(record.lines) - 1}, and lines from one to the other are rows by themselves; "
                f"expected a closing quote in line {record.line}"
            )


@dataclass(frozen=True)
class _Label:
    """What stands where a line would have its label, and whether it may be a part of a number ("it cost 3,5")."""

    name: str
    number: bool


def _are_rows(labels: Sequence[_Label | None], known: set[str]) -> bool:
    """Tell whether the first line's label is known, those of most lines are, or all are or recur among themselves."""
    if labels[0] and labels[0].name in known and not labels[0].number:
        return True
    often = Counter(label.name for label in labels if label)
    most = sum(count for name, count in often.items() if name in known) * 2 > len(labels)
    every = all(label and (label.name in known or often[label.name] > 1) for label in labels)
    return len(labels) > 1 and (most or every)


def _last_label(fields: Sequence[str], layout: Layout) -> _Label | None:
    """Return the label of a line that ends like a row; the text before it may hold delimiters."""
    if len(fields) < layout.width:
        return None
    place = len(fields) - layout.width + layout.label
    return _label(fields[place], fields[place - 1][-1:], layout)


def _first_label(fields: Sequence[str], layout: Layout) -> _Label | None:
    """Return the label of a line that begins like a row; the text after it may hold delimiters, and begins at once."""
    if len(fields) < layout.width:
        return None
    after = "".join(fields[layout.label + 1 : layout.label + 2])
    return None if after[:1] == " " and not layout.spaced else _label(fields[layout.label], after[:1], layout)


def _label(field: str, beside: str, layout: Layout) -> _Label | None:
    name = field.strip().strip('"')
    if not name or (field[:1] == " " and not layout.spaced):
        return None
    return _Label(name, name.isdecimal() and beside.isdecimal())
