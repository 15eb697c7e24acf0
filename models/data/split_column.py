"""A column that says which split a row belongs to, as data sets in one file have it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.data.columns import Table, find_columns, plain
from models.data.splits import SPLIT_WORDS, WORDS, split_said
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

OWN = ("split", "splits", "datasplit", "datasetsplit", "splitname")
USUAL = (*OWN, "set", "subset", "partition", "fold")
OTHER = (
    "dataset",
    "usage",
    "type",
    "datatype",
    "traintest",
    "trainortest",
    "traintestsplit",
    "splittype",
    "tvt",
    "mluse",
    "mode",
    "source",
    "phase",
)  # names of much else: all their values are splits
BARE = {"test": "test", "holdout": "test", "heldout": "test", "validation": "validation", "train": "train"}
FLAGS = {  # is_test, in_test_set: true or false
    flag: split for split, words in SPLIT_WORDS.items() for word in words for flag in (f"is{word}", f"in{word}set")
} | BARE
TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
FEW = 10  # values
AMBIGUOUS = "train"  # beside `bus` it is a class
AMBIGUOUS = "train"  # beside `bus` it is a class
AMBIGUOUS = "train"  # beside `bus` it is a class
SOUND = "isvalid"  # of few rows it says that they are for validation, of most that nothing is wrong with them


def find_split_column(tables: Mapping[str, Sequence[Table]], source: DatasetSource) -> str | None:
    """Return the plain name of the column whose values are splits; refuse two of them, and one without training rows
    (BonsaiError).

    Such a column names training rows and others. One that names a single split splits nothing, and without training
    rows any other value (`dev` beside `prod`), or with them two others (`train` beside `bus` and `car`), show that it
    means something else. A column of any other name is one where it holds nothing but splits.
    """
    found = []
    asked = _text_and_label(tables, source)
    for name in (*USUAL, *OTHER):
        values = _values(tables, name) if name not in asked else Counter[str]()
        splits = {split for value in values if (split := split_said(value))}
        others = sorted(value for value in values if not split_said(value))
        if name in USUAL and len(splits) > 1 and "train" not in splits and not others:
            raise BonsaiError(
                f"data set '{source.source}': the column '{name}' names no training rows, only "
                f"{' and '.join(sorted(splits))} rows; expected {WORDS}, or another name for a column that is no split"
            )
        if "train" in splits and (len(splits) > 1 or len(others) == 1) and (name in USUAL or not others):
            found.append(name)
        elif others and (splits or name in OWN or (name in USUAL and len(others) <= FEW)):
            console.print(
                f"{source.source}: the column '{name}' is not read as splits, for it holds "
                f"{', '.join(map(repr, others[:3]))} too",
                markup=False,
                soft_wrap=True,
            )
        elif name in OWN and splits and "train" not in splits and _values({"train": tables.get("train", ())}, name):
            console.print(
                f"{source.source}: the column '{name}' says {splits.pop()} of rows that are trained on, and of no "
                "others: it is not read as splits",
                markup=False,
                soft_wrap=True,
            )
    unlisted = [] if found else _other_names(tables, source, asked)
    flags = [name for name in FLAGS if not found and name not in asked and _is_flag(tables, name, bare=not unlisted)]
    if len(flags) == 1 and _is_certain(flags[0], tables):
        meant = FLAGS[flags[0]]
        console.print(
            f"{source.source}: rows are split as the column '{flags[0]}' says: {meant} where true, else {_else(meant)}",
            markup=False,
            soft_wrap=True,
        )
        return flags[0]
    for name in flags:
        console.print(
            f"{source.source}: the column '{name}' is not read; rows are split by a column 'split' with {WORDS}",
            markup=False,
            soft_wrap=True,
        )
    found = found or unlisted
    found = found or others
    found = found or others
    for table in (table for parts in tables.values() for table in parts) if found else ():
        if len(double := _columns_called(found[0], table.columns)) > 1:
            raise BonsaiError(
                f"{table.name}: {len(double)} columns are called {' and '.join(map(repr, double))}, and name splits; "
                "expected one such column"
            )
    if len(found) > 1:
        raise BonsaiError(
            f"data set '{source.source}': the columns {' and '.join(map(repr, found))} both name splits; expected one"
        )
    if found:
        console.print(f"{source.source}: rows are split as the column '{found[0]}' says", markup=False, soft_wrap=True)
    return found[0] if found else None


def split_of_row(
    row: dict[str, Any] | str, column: str | None, split: str, files: Mapping[str, Sequence[Table]]
) -> str:
    """Return the split of a row in a file of `split`, as its column says where there is one; ValueError where that says
    none, or another split that has files of its own.
    """
    if column is None or isinstance(row, str):
        return split
    said = row.get(column)
    own = _split_meant(column, said)
    if own is None:
        given = f"'{said}'" if said not in (None, "") else "missing"
        raise ValueError(
            f"the split in the column '{column}' is {given}; expected {WORDS}, or another name for a column that is no "
            "split"
        )
    if own != split and (split != "train" or own in files):
        raise ValueError(f"the column '{column}' says {own} in a file of {split} rows; expected {split}")
    return own


def _text_and_label(tables: Mapping[str, Sequence[Table]], source: DatasetSource) -> set[str]:
    """Return the plain names of the columns that are read as text and label: nothing that they say is a split."""
    found = {column for column in (source.text_column, source.label_column) if column}
    for table in (table for parts in tables.values() for table in parts):
        try:
            found.update(find_columns(table.columns, source, table.name).all)
        except BonsaiError:  # which is said when its rows are read
            continue
    return {plain(column) for column in found}


def _other_names(tables: Mapping[str, Sequence[Table]], source: DatasetSource, asked: set[str]) -> list[str]:
    """Return the plain name of a column that says splits whatever it is called; refuse several that differ
    (BonsaiError), and say which is not read because files say the splits already.
    """
    known = {*asked, *USUAL, *OTHER}
    names = dict.fromkeys(plain(column) for table in tables.get("train", ()) for column in table.columns)
    said = {name: splits for name in names if name not in known and (splits := _splits_alone(tables, name))}
    if tables.keys() != {"train"}:
        for name in said:
            console.print(
                f"{source.source}: the column '{name}' is not read as splits, for there are files of "
                f"{' and '.join(split for split in tables if split != 'train')} rows",
                markup=False,
                soft_wrap=True,
            )
        return []
    first = next(iter(said), "")
    if differing := [name for name in said if said[name] != said[first]]:
        raise BonsaiError(
            f"data set '{source.source}': the columns '{first}' and '{differing[0]}' both name splits, and not the "
            "same ones; expected one such column, or one called split"
        )
    return [first] if said else []


def _splits_alone(tables: Mapping[str, Sequence[Table]], name: str) -> list[str]:
    """Return the split of every training file's row by a column that holds nothing else, of training rows and others;
    nothing where it is no such column.
    """
    found = []
    try:
        for value in _each({"train": tables.get("train", ())}, name):
            if (split := split_said(value)) is None:
                return []
            found.append(split)
    except BonsaiError:
        return []
    return found if "train" in found and len({*found}) > 1 else []


def _is_flag(tables: Mapping[str, Sequence[Table]], name: str, *, bare: bool) -> bool:
    """Tell whether a column of a flag's name may be one: without `is` before it, it holds truth values alone."""
    if name in BARE and not bare:
        return False
    values = _values(tables, name)
    return len(values) > 1 and (name not in BARE or all(value.strip().casefold() in TRUTH for value in values))


def column_called(name: str, columns: Sequence[str]) -> str | None:
    """Return the column of this plain name."""
    return next(iter(_columns_called(name, columns)), None)


def _columns_called(name: str, columns: Sequence[str]) -> list[str]:
    return [column for column in columns if plain(column) == name]


def _is_certain(name: str, tables: Mapping[str, Sequence[Table]]) -> bool:
    """Tell whether a flag is true or false in every row, and of training files alone, none of which has its split."""
    values = _values(tables, name)
    flags = {TRUTH.get(value.strip().casefold()) for value in values}
    held_out = {split for split in (FLAGS[name], _else(FLAGS[name])) if split != "train"}
    elsewhere = any(
        split in held_out or column_called(name, table.columns) is not None
        for split, parts in tables.items()
        if split != "train"
        for table in parts
    )
    true = sum(count for value, count in values.items() if TRUTH.get(value.strip().casefold()))
    few = name != SOUND or true * 2 < values.total()
    return flags == {True, False} and not elsewhere and few and name != AMBIGUOUS


def _split_meant(column: str, value: object) -> str | None:
    """Return the split that a row's value names, or stands for as a flag."""
    meant, said = FLAGS.get(plain(column)), split_said(value)
    if meant is None or said is not None:  # a column `test` may say `train` or 0
        return said
    flag = TRUTH.get(str(value).strip().casefold())
    return meant if flag else None if flag is None else _else(meant)


def _else(meant: str) -> str:
    return "test" if meant == "train" else "train"


def _values(tables: Mapping[str, Sequence[Table]], name: str) -> Counter[str]:
    """Return how often a column holds each of its values, in whichever file it stands; one that cannot be read, as a
    date that Python has not, says nothing.
    """
    try:
        return Counter(_each(tables, name))
    except BonsaiError:
        return Counter()


def _each(tables: Mapping[str, Sequence[Table]], name: str) -> Iterator[str]:
    return (
        str("" if (value := row.get(column)) is None else value)
        for parts in tables.values()
        for table in parts
        for column in _columns_called(name, table.columns)
        for _, row in table.read([column])
        if isinstance(row, dict)
    )
