"""A file as its reader gives it, and which of its columns hold text and label."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models.data.labels import UNSEEN
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

TEXT_COLUMNS = ("text", "sentence", "content")
LABEL_COLUMNS = ("label", "category", "intent")
NAMING = ("text", "name", "str", "string")  # a column that ends so spells the label out: label_text beside label

NumberedRow = tuple[
    int, dict[str, Any] | str
]  # a line's or a row's number, from 1, and its columns, or why it has none


class NoLabelError(BonsaiError):
    """Why a file with texts cannot be used: no column of it is known to hold labels."""


@contextmanager
def of_split(split: str) -> Iterator[None]:
    """Say of a test or validation file without labels what to do with it (NoLabelError)."""
    try:
        yield
    except NoLabelError as error:
        if split == "train":
            raise
        raise NoLabelError(
            f"{error}; a file without labels proves nothing: put it elsewhere, and a part of the training rows is held "
            "out in its place"
        ) from error


@dataclass(frozen=True)
class Table:
    """The columns of one file, and a way to read those of them that are asked for."""

    name: str  # "train.csv": what an error begins with
    unit: str  # "line" or "row": what is numbered
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[NumberedRow]]
    named: tuple[str, ...] = ()  # columns whose numbers of classes it gives as their names


@dataclass(frozen=True)
class Columns:
    """The columns that hold the text, the label and, where there is one beside it, the label's name."""

    text: str
    label: str
    label_name: str | None = None

    passed_over: tuple[str, ...] = ()  # other columns of a usual name, which somebody may have meant

    @property
    def all(self) -> list[str]:
        """The columns that have to be read."""
        return [self.text, self.label, *([self.label_name] if self.label_name is not None else [])]


def find_columns(columns: Sequence[str], source: DatasetSource, file: str) -> Columns:
    """Return the columns asked for or, without that, those of the usual names, in any case; refuse what names none or
    two of them (BonsaiError).
    """
    if not columns:
        raise BonsaiError(f"{file}: no rows; expected at least one text with its label")
    text = find_text_column(columns, source.text_column, file)
    if source.label_column:
        label, label_name = _find(columns, (source.label_column,), file), None
    else:
        label, label_name = _label_columns(columns, file)
    if label is None:
        raise NoLabelError(_missing("label", source.label_column, LABEL_COLUMNS, columns, file))
    if label == text:
        other = "label" if source.text_column else "text"
        raise BonsaiError(
            f"{file}: text and label are both read from '{text}'; expected two columns: name the other one with "
            f"--{other}-column (dataset.{other}_column in the recipe)"
        )
    passed_over = (
        *_others(columns, source.text_column, TEXT_COLUMNS, text),
        *_others(columns, source.label_column, LABEL_COLUMNS, label),
    )
    return Columns(
        text, label, label_name, tuple(column for column in passed_over if column not in (text, label, label_name))
    )


def _label_columns(columns: Sequence[str], file: str) -> tuple[str | None, str | None]:
    """Return the first column of a usual name, and the one that spells it out, which may stand in its place."""
    spelled = {plain(column): column for column in reversed(columns)}
    for known in LABEL_COLUMNS:
        label = _find(columns, (known,), file)
        named = next((spelled[known + ending] for ending in NAMING if known + ending in spelled), None)
        if label is not None or named is not None:
            return (label, named) if label is not None else (named, None)
    return None, None


def names_columns(columns: Sequence[str], source: DatasetSource, file: str) -> bool:
    """Tell whether `find_columns` finds a text and a label among these."""
    try:
        find_columns(columns, source, file)
    except BonsaiError:
        return False
    return True


def find_text_column(columns: Sequence[str], asked: str | None, file: str, recipe: bool = True) -> str:
    """Return the column of the texts alone, as `find_columns` does; without a `recipe`, none is named (BonsaiError)."""
    text = _find(columns, (asked,) if asked else TEXT_COLUMNS, file)
    if text is None:
        raise BonsaiError(_missing("text", asked, TEXT_COLUMNS, columns, file, recipe))
    return text


def _find(columns: Sequence[str], wanted: Sequence[str], file: str) -> str | None:
    """Return the first wanted column that is there: as it is written, or else in any case and with any blanks around
    it.
    """
    for name in wanted:
        loosely = [column for column in columns if seen(column).casefold() == name.strip().casefold()]
        found = [column for column in loosely if column == name] or loosely
        if len(found) > 1:
            raise BonsaiError(
                f"{file}: {len(found)} columns are called {' and '.join(map(repr, found))}; expected one such column"
            )
        if found:
            return found[0]
    return None


def _others(columns: Sequence[str], asked: str | None, known: Sequence[str], taken: str) -> list[str]:
    """Return the columns that have a usual name, too, where nobody said which of them to take."""
    return [] if asked else [column for column in columns if column != taken and column.strip().casefold() in known]


def seen(column: str) -> str:
    """Return what people see of a column's name."""
    return column.translate(UNSEEN).strip()


def plain(column: str) -> str:
    """Write a column's name without case, blanks and the marks between words."""
    return re.sub(r"[\s_-]+", "", seen(column)).casefold()


def _missing(
    what: str, asked: str | None, known: Sequence[str], columns: Sequence[str], file: str, recipe: bool = True
) -> str:
    given = ", ".join(column if len(column) <= 60 else f"{column[:60]}…" for column in columns[:20])
    accepted = (
        f"'{asked}', as asked for"
        if asked
        else f"one of {', '.join(known)}, or name it with --{what}-column"
        + (f" (dataset.{what}_column in the recipe)" if recipe else "")
    )
    return f"{file}: no {what} column; its columns are {given}; expected {accepted}"
