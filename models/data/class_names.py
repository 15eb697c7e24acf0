"""Names of classes that stand beside the rows, where rows bear their numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.data.columns import NumberedRow, Table
from models.data.labels import WHOLE_AS_FLOAT
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

Names = Mapping[str, Sequence[str]]  # by column, in the order of the numbers


def names_in_order(given: Any) -> list[str] | None:
    """Return the names in a list, or in a mapping of the numbers from 0 (`{"0": "late", "1": "lost"}`); None where it
    is neither.
    """
    if isinstance(given, Mapping):
        numbered = {str(number): name for number, name in given.items()}
        given = [numbered.get(str(number)) for number in range(len(numbered))]
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    return names if names and len(names) == len(set(names)) == len(given) else None


def names_of_features(features: Any) -> dict[str, list[str]]:
    """Return the names of every column that `datasets` calls a ClassLabel, in its JSON or in a README's YAML."""
    if isinstance(features, list):  # the YAML: [{name: label, dtype: {class_label: {names: {'0': late}}}}]
        listed = [
            feature
            for feature in features
            if isinstance(feature, dict)
            and isinstance(feature.get("dtype"), dict)
            and isinstance(feature.get("name"), str)
        ]
        marked = {feature.get("name"): feature["dtype"].get("class_label") for feature in listed}
    elif isinstance(features, dict):
        marked = {column: feature for column, feature in features.items() if _is_class_label(feature)}
    else:
        marked = {}
    found = {
        str(column): names_in_order(feature.get("names"))
        for column, feature in marked.items()
        if isinstance(feature, dict)
    }
    for column, feature in marked.items():
        if isinstance(feature, dict) and feature.get("names") and not found[str(column)]:
            console.print(
                f"the names of classes of the column '{column}' are not used; expected one for each number from 0",
                markup=False,
                soft_wrap=True,
            )
    return {column: names for column, names in found.items() if names}


def name_classes(splits: Mapping[str, Sequence[Table]], names: Names) -> dict[str, list[Table]]:
    """Return the tables with names for the numbers; a column whose values are all names already stays as it is."""
    tables = [table for parts in splits.values() for table in parts]
    numbered = {
        column: list(of)
        for column, of in names.items()
        if any(isinstance(value, int) or value not in of for value in _values(tables, column))
    }
    return {split: [_named(table, numbered) for table in parts] for split, parts in splits.items()}


def class_name(names: Sequence[str], number: Any, place: str) -> Any:
    """Return the name of a class's number, None for -1, which sets without labels carry, and what is no number as it is
    (BonsaiError where the number has no name).
    """
    if isinstance(number, str) and (whole := WHOLE_AS_FLOAT.fullmatch(number.strip())):
        number = int(whole[1])
    if isinstance(number, float) and number.is_integer():
        number = int(number)  # a column of whole numbers with gaps
    if not isinstance(number, int) or number < 0:
        return None if isinstance(number, int) else number
    if number >= len(names):
        raise BonsaiError(
            f"{place}: the label {number} has no name; the data names {len(names)} classes, 0 to {len(names) - 1}"
        )
    return names[number]


def _named(table: Table, names: Names) -> Table:
    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        for number, row in table.read(wanted):
            place = f"{table.name}, {table.unit} {number}"
            yield (
                number,
                row
                if isinstance(row, str)
                else {
                    column: class_name(names[column], value, place) if column in names else value
                    for column, value in row.items()
                },
            )

    named = {*table.named, *(column for column in names if column in table.columns)}
    return replace(table, read=read, named=tuple(sorted(named)))


def _values(tables: Sequence[Table], column: str) -> Iterator[Any]:
    for table in tables:
        if column in table.columns:
            yield from (row.get(column) for _, row in table.read([column]) if isinstance(row, dict))


def _is_class_label(feature: Any) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
