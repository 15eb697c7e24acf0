"""Read a data set of the Hugging Face hub with the `datasets` library."""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from models.data.arrow import named_rows
from models.data.columns import NumberedRow, Table
from models.data.splits import split_of
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

ROWS_AT_ONCE = 4096


def read_hub(source: DatasetSource) -> dict[str, list[Table]]:
    """Return the splits of a hub id; whatever keeps the library from loading it is said in one sentence
    (BonsaiError).
    """
    if find_spec("datasets") is None:
        raise BonsaiError(
            f"data set '{source.source}': a Hugging Face id takes the datasets library, which is not installed here; "
            "expected a file or a folder"
        )
    import datasets  # takes seconds to import, and only hub ids need it

    if (
        source.source in datasets.packaged_modules._PACKAGED_DATASETS_MODULES
    ):  # "csv" would read whatever lies in the present folder
        raise BonsaiError(
            f"data set '{source.source}': the name of a file format; expected 'embedded', a file, a folder or a "
            "Hugging Face id"
        )
    try:
        loaded = datasets.load_dataset(source.source, source.config)
    except Exception as error:  # it runs foreign data through a dozen libraries, and each raises its own
        raise BonsaiError(_why(error, source)) from error
    found: dict[str, str] = {}
    for name in loaded:
        split = split_of(name)
        if split is None:
            console.print(f"{source.source}: its split {name} is not read", markup=False, soft_wrap=True)
        elif split in found:
            raise BonsaiError(
                f"data set '{source.source}': {split} rows stand in its splits {found[split]} and {name}; expected "
                "one of them"
            )
        else:
            found[split] = name
    if "train" not in found:
        raise BonsaiError(f"data set '{source.source}': its splits are {', '.join(loaded)}; expected one called train")
    return {split: [_table(loaded[name], f"{source.source} {name}", source)] for split, name in found.items()}


def _table(rows: Any, name: str, source: DatasetSource) -> Table:
    import datasets

    names = {
        column: feature.names for column, feature in rows.features.items() if isinstance(feature, datasets.ClassLabel)
    }

    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        try:
            yield from named_rows(
                rows.select_columns(list(wanted)).with_format("arrow").iter(ROWS_AT_ONCE), names, f"{name}, row"
            )
        except BonsaiError:
            raise
        except Exception as error:
            raise BonsaiError(_why(error, source)) from error

    return Table(name, "row", tuple(rows.column_names), read, tuple(sorted(names)))


def _why(error: BaseException, source: DatasetSource) -> str:
    """Say what the library's error comes to, and what helps."""
    while error.__cause__ is not None and type(error).__name__.startswith("DatasetGeneration"):
        error = error.__cause__
    said = " ".join(str(error).split()) or type(error).__name__
    if "scripts are no longer supported" in said:
        return (
            f"data set '{source.source}': it is loaded by a script, which the datasets library runs no more; "
            "expected one of data files: download its files and name their folder, or name a copy of it on the hub "
            f"that has none ({said[:200]})"
        )
    if "onfig" in said and (names := re.search(r"\[(.*?)\]", said)):
        asked = f"it has no configuration '{source.config}'" if source.config else "it has several configurations"
        return (
            f"data set '{source.source}': {asked}; expected one of {names[1][:300]}, named with --dataset-config "
            "(dataset.config in the recipe)"
        )
    return (
        f"data set '{source.source}': neither a local path nor a data set that could be loaded from the hub "
        f"({said[:300]})"
    )
