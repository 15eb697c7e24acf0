"""Where a data set comes from: the embedded one, a file, a folder or a hub id, as tables by split."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.data.columns import Table
from models.data.folder import split_files
from models.data.hub import read_hub
from models.data.readers import ACCEPTED, SUFFIXES, bare_name, read_table
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

EMBEDDED = Path(__file__).parent / "embedded"


@dataclass(frozen=True)
class Found:
    """A data set's name, its tables by split, and texts that belong to none of its labels."""

    name: str
    tables: Mapping[str, Sequence[Table]]
    out_of_scope: tuple[str, ...] = ()


def find_source(source: DatasetSource) -> Found:
    """Open what `source` names, without looking at its rows (BonsaiError)."""
    if source.source == "embedded":
        with (EMBEDDED / "out_of_scope.csv").open(encoding="utf-8", newline="") as file:
            out_of_scope = tuple(row["text"] for row in csv.DictReader(file))
        return Found(
            "embedded",
            {split: [read_table(EMBEDDED / f"{split}.csv", f"{split}.csv", source)] for split in ("train", "test")},
            out_of_scope,
        )
    path = Path(source.source)
    if path.is_dir():
        files = split_files(path)
        return Found(
            path.absolute().name,
            {
                split: [read_table(part, str(part.relative_to(path)), source) for part in parts]
                for split, parts in files.items()
            },
        )
    if path.is_file():
        return Found(bare_name(path), {"train": [read_table(path, path.name, source)]})
    if path.suffix.lower() in (*SUFFIXES, ".gz") or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.source):
        raise BonsaiError(
            f"data set '{source.source}': no such file or folder; "
            f"expected 'embedded', a file of {ACCEPTED}, a folder with train and test files, or a Hugging Face id"
        )
    return Found(source.source, read_hub(source))
