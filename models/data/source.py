"""Where a data set comes from: the embedded one, a file, a folder or a hub id, as tables by split."""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.data.class_names import name_classes
from models.data.columns import Table, of_split
from models.data.folder import shard_of
from models.data.hub import read_hub
from models.data.readers import ACCEPTED, SUFFIXES, bare_name, read_table
from models.data.readme import describe_folder
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

EMBEDDED = Path(__file__).parent / "embedded"


@dataclass(frozen=True)
class Found:
    """A data set's name, its tables by split, and texts that belong to none of its labels."""

    name: str
    tables: Mapping[str, Sequence[Table]]
    out_of_scope: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)  # the rows that a README says each split has


def find_source(source: DatasetSource) -> Found:
    """Open what `source` names, without looking at its rows (BonsaiError)."""
    try:
        source.source.encode()
    except UnicodeEncodeError:
        raise BonsaiError(
            f"data set '{os.fsencode(source.source).decode('utf-8', 'replace')}': its name is not UTF-8; rename it"
        ) from None
    if source.source == "embedded":
        _refuse_config(source)
        with (EMBEDDED / "out_of_scope.csv").open(encoding="utf-8", newline="") as file:
            out_of_scope = tuple(row["text"] for row in csv.DictReader(file))
        return Found(
            "embedded",
            {split: [read_table(EMBEDDED / f"{split}.csv", f"{split}.csv", source)] for split in ("train", "test")},
            out_of_scope,
        )
    path = Path(source.source)
    if path.is_dir():
        found = describe_folder(path, source)
        return Found(
            path.absolute().name,
            name_classes(
                {split: _read(path, split, parts, source) for split, parts in found.files.items()},
                found.names,
            ),
            counts=found.counts,
        )
    if path.is_file():
        _refuse_config(source)
        if (shard := shard_of(path)) is not None and (shard.of or 0) > 1:
            raise BonsaiError(
                f"data set '{source.source}': one of {shard.of} parts, by its name; expected the folder that holds "
                "them all, or a copy under another name to read this part alone"
            )
        return Found(bare_name(path), {"train": [read_table(path, path.name, source)]})
    if path.suffix.lower() in (*SUFFIXES, ".gz") or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.source):
        raise BonsaiError(
            f"data set '{source.source}': no such file or folder; "
            f"expected 'embedded', a file of {ACCEPTED}, a folder with train and test files, or a Hugging Face id"
        )
    return Found(source.source, read_hub(source))


def _read(folder: Path, split: str, parts: Sequence[Path], source: DatasetSource) -> list[Table]:
    with of_split(split):
        return [read_table(part, str(part.relative_to(folder)), source) for part in parts]


def _refuse_config(source: DatasetSource) -> None:
    if source.config is not None:
        raise BonsaiError(
            f"data set '{source.source}': it has no configurations, and '{source.config}' is asked for "
            "(--dataset-config, dataset.config in the recipe); expected one of a Hugging Face id, or of a folder whose "
            "README.md names it"
        )
