"""Parquet and Arrow files, and the names of classes that the `datasets` library leaves in their metadata.

pyarrow is imported in the functions: it is heavy, and most data sets are text files.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.data.class_names import class_name, names_of_features
from models.data.columns import NumberedRow, Table
from models.runtime.errors import BonsaiError

ROWS_AT_ONCE = 4096
END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream (Arrow columnar format, "IPC Streaming Format")


def read_parquet(path: Path, file: str) -> Table:
    """Return the rows of a Parquet file, numbers of classes as their names (BonsaiError where it is broken)."""
    from pyarrow import parquet

    return _read(
        file,
        "Parquet",
        lambda: parquet.ParquetFile(path).schema_arrow,
        lambda wanted: parquet.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=wanted),
    )


def read_arrow(path: Path, file: str) -> Table:
    """Return the rows of an Arrow file as `save_to_disk` writes it: a stream, or with an index at its end (BonsaiError
    where it is broken).
    """
    from pyarrow import ArrowInvalid, ipc, memory_map

    def opened() -> Any:
        try:
            found = ipc.open_stream(memory_map(str(path)))
        except ArrowInvalid:
            return ipc.open_file(memory_map(str(path)))
        with path.open("rb") as content:  # a stream that ends between two batches reads as whole
            content.seek(-len(END), os.SEEK_END)
            if content.read() != END:
                raise BonsaiError(f"{file}: cut short: the mark at a stream's end is missing; expected a whole file")
        return found

    def batches(wanted: list[str]) -> Iterator[Any]:
        file = opened()
        all_of_it = (
            file
            if hasattr(file, "read_next_batch")
            else (file.get_batch(number) for number in range(file.num_record_batches))
        )
        return (batch.select(wanted) for batch in all_of_it)

    return _read(file, "Arrow", lambda: opened().schema, batches)


def named_rows(batches: Iterable[Any], names: Mapping[str, Sequence[str]], place: str) -> Iterator[NumberedRow]:
    """Number the rows of Arrow batches; a class's number becomes its name, and -1, which sets without labels carry,
    becomes none (BonsaiError).
    """
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield (
                number,
                {
                    column: class_name(names[column], value, f"{place} {number}") if column in names else value
                    for column, value in row.items()
                },
            )


def _read(file: str, kind: str, schema: Any, batches: Any) -> Table:
    from pyarrow import ArrowException

    def complain(error: Exception) -> BonsaiError:
        return BonsaiError(f"{file}: not a readable {kind} file ({' '.join(str(error).split())[:200]})")

    try:
        columns = schema()
    except (ArrowException, OSError) as error:
        raise complain(error) from error
    names = _class_names(columns.metadata or {})

    def read(wanted: Sequence[str]) -> Iterator[NumberedRow]:
        try:
            yield from named_rows(batches(list(wanted)), names, f"{file}, row")
        except (ArrowException, OSError, ValueError, OverflowError) as error:  # dates that Python has not, among them
            raise complain(error) from error

    return Table(file, "row", tuple(columns.names), read, tuple(sorted(names)))


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the classes of every column that `datasets` marked as a ClassLabel."""
    try:
        return names_of_features(json.loads(metadata[b"huggingface"])["info"]["features"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
