"""Check every row of a data set: a text and a label each, or a reason why not; all reasons are said at once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.data.columns import Columns, Table, find_columns, of_split, plain
from models.data.label_kinds import Kinds
from models.data.labels import GAPS, UNSEEN, label_name
from models.data.split_column import column_called, find_split_column, split_of_row
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

SAID = 5  # so many unusable rows are named one by one
PAIR = (
    "textpair",
    "text2",
    "textb",
    "sentence2",
    "sentenceb",
    "question",
    "question2",
    "hypothesis",
    "premise",
    "context",
    "passage",
)  # of two texts that belong together
ANSWER, NOT_ACCEPTED = "answer", ("reject", "ignore")  # what Prodigy writes of a row that its annotator turned down
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One row as read, and where it stands."""

    text: str
    label: str
    place: str  # "train.csv, line 12": what an error points at
    key: str  # the text as the tokenizer normalizes it: equal keys are equal texts to the model


@dataclass
class Unusable:
    """The rows that cannot be used: their number, and the places of the first few by what is wrong there."""

    name: str
    skip: bool
    rows: int = 0
    count: int = 0
    first: dict[str, list[str]] = field(default_factory=dict)

    def add(self, place: str, reason: str) -> None:
        """Note one more."""
        self.count += 1
        if self.count <= SAID:
            self.first.setdefault(reason, []).append(place)

    def settle(self) -> None:
        """Refuse all of them in one message (BonsaiError), or say that they are skipped where the recipe lets them."""
        if not self.count:
            return
        more = f"; and {self.count - SAID:,} more" if self.count > SAID else ""
        said = "; ".join(f"{' and '.join(places)}: {reason}" for reason, places in self.first.items()) + more
        found = (
            f"data set '{self.name}': {self.count:,} of {self.rows:,} rows {'is' if self.count == 1 else 'are'} "
            "unusable"
        )
        if not self.skip:
            raise BonsaiError(
                f"{found}: {said}; repair them, or leave them out with --skip-unusable (dataset.skip_unusable in the "
                "recipe)"
            )
        console.print(f"{found} and skipped: {said}", markup=False, soft_wrap=True)


def check_rows(
    tables: Mapping[str, Sequence[Table]], source: DatasetSource, normalize: Callable[[str], str], unusable: Unusable
) -> dict[str, list[Row]]:
    """Return the usable rows of every split; the others are noted in `unusable` (BonsaiError where columns are missing
    or labels bear two names).
    """
    names, kinds, alike = _Names(), Kinds(), _Alike()
    by_column = find_split_column(tables, source)
    splits: dict[str, list[Row]] = {}
    for split, parts in tables.items():
        splits[split] = []
        for table in parts:
            with of_split(split):
                columns = find_columns(table.columns, source, table.name)
            alike.check(table, columns)
            if columns.passed_over:
                said = f"texts are read from '{columns.text}' and labels from '{columns.label_name or columns.label}'"
                named = " and ".join(f"'{column}'" for column in columns.passed_over)
                console.print(
                    f"{table.name}: {said}, not from {named} (--text-column, --label-column)",
                    markup=False,
                    soft_wrap=True,
                )
            if pair := [column for column in table.columns if plain(column) in PAIR and column not in columns.all]:
                console.print(
                    f"{table.name}: the column '{pair[0]}' is not read: one text a row is classified, and no pair",
                    markup=False,
                    soft_wrap=True,
                )
            before, numbers = unusable.rows, list[bool]()
            split_column = column_called(by_column, table.columns) if by_column else None
            answer = next((column for column in table.columns if plain(column) == ANSWER), None)
            others = [column for column in (split_column, answer) if column and column not in columns.all]
            for number, values in table.read([*columns.all, *others]):
                place = f"{table.name}, {table.unit} {number}"
                unusable.rows += 1
                try:
                    text, label = _text_and_label(values, columns, answer if answer in others else None)
                    own = split_of_row(values, split_column, split, tables)
                except ValueError as error:
                    unusable.add(place, str(error))
                    continue
                if isinstance(values, dict):
                    kinds.note(values[columns.label_name or columns.label], place)
                    if columns.label_name is not None:
                        label = names.one_to_one(label, str(label_name(values[columns.label_name])), place, columns)
                numbers.append(label.isdecimal())
                splits.setdefault(own, []).append(Row(text, label, place, " ".join(normalize(text).split())))
            if unusable.rows == before:
                raise BonsaiError(f"{table.name}: no rows; expected at least one text with its label")
            alike.note(table, columns, numbers=bool(numbers) and all(numbers))  # of no usable row nothing is known
    return splits


class _Alike:
    """Where each file has its labels, and whether as names or as numbers: of two kinds one class would be two."""

    def __init__(self) -> None:
        self._column: tuple[str, str] | None = None
        self._names: tuple[str, str] | None = None
        self._numbers: str | None = None

    def check(self, table: Table, columns: Columns) -> None:
        """Refuse a file that has them in another column than the first (BonsaiError)."""
        mine = plain(columns.label_name or columns.label)
        _, first = self._column = self._column or (table.name, plain(columns.label))
        if plain(columns.label) != first and mine != first:
            raise BonsaiError(
                f"{table.name}: labels are read from '{columns.label}', and of {self._column[0]} from '{first}'; "
                "expected one column in all files: name it with --label-column"
            )

    def note(self, table: Table, columns: Columns, *, numbers: bool) -> None:
        """Refuse numbers where another file has names for them (BonsaiError)."""
        if columns.label_name is not None or columns.label in table.named:
            self._names = self._names or (table.name, f"'{columns.label_name or columns.label}'")
        elif numbers:
            self._numbers = self._numbers or table.name
        if self._names and self._numbers:
            raise BonsaiError(
                f"{self._numbers}: its labels are numbers alone, and {self._names[0]} has names for them "
                f"({self._names[1]}); expected the same in all files"
            )


class _Names:
    """Which label bears which name, and where that was first seen."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, str]] = {}
        self._labels: dict[str, tuple[str, str]] = {}

    def one_to_one(self, label: str, name: str, place: str, columns: Columns) -> str:
        """Return the name that takes the label's place; refuse a second name for one label, or a second label for one
        name (BonsaiError).
        """
        known_name, named_at = self._names.setdefault(label, (name, place))
        known_label, labelled_at = self._labels.setdefault(name, (label, place))
        advice = (
            f"; expected one {columns.label_name} for each {columns.label}, or name the column to take with "
            "--label-column"
        )
        if known_name != name:
            raise BonsaiError(
                f"{place}: the label '{label}' is called '{name}' here and '{known_name}' at {named_at}{advice}"
            )
        if known_label != label:
            raise BonsaiError(
                f"{place}: the name '{name}' belongs to the label '{label}' here and to '{known_label}' at "
                f"{labelled_at}{advice}"
            )
        return name


def _text_and_label(values: dict[str, Any] | str, columns: Columns, answer: str | None) -> tuple[str, str]:
    """Return a row's text and label; ValueError says what is wrong with it."""
    if isinstance(values, str):
        raise ValueError(values)
    if answer is not None and (said := str(values.get(answer)).strip().lower()) in NOT_ACCEPTED:
        raise ValueError(f"its {answer} is '{said}'; expected a label that was accepted")
    text = usable_text(values.get(columns.text))
    if (gap := text.strip()) in GAPS:
        raise ValueError(f"the text is {gap}, which other programs write where there is none; expected a text")
    label = _label(values, columns.label, "label")
    if columns.label_name is not None:
        _label(values, columns.label_name, "label's name")
    return text, label


def usable_text(text: object) -> str:
    """Return a row's text; ValueError says what is wrong with it."""
    if not isinstance(text, str) or not text.translate(UNSEEN).strip():
        given = "empty" if text is None or isinstance(text, str) else _short(text)
        raise ValueError(f"the text is {given}; expected a non-empty string")
    if SURROGATE.search(text):
        raise ValueError("the text holds half a surrogate pair, which is no character; expected Unicode text")
    return text


def _label(values: dict[str, Any], column: str, what: str) -> str:
    value = values.get(column)
    try:
        label = label_name(value)
    except ValueError as error:
        raise ValueError(f"the {what} is {_short(value)}; {error}") from error
    if label is None:
        raise ValueError(f"the {what} is missing; expected a name or a whole number")
    if SURROGATE.search(label):
        raise ValueError(f"the {what} holds half a surrogate pair, which is no character; expected Unicode text")
    return label


def _short(value: object) -> str:
    written = repr(value)
    return written if len(written) <= 60 else f"{written[:60]}…"
