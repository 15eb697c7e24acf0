"""Everything that was recorded of an experiment, as Parquet."""

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.experiments.changes import find
from service.experiments.errors import Invalid

if TYPE_CHECKING:
    from service.store.store import Store

CHUNK = 10_000  # rows of a row group
WHOLE, FLAGS = ("revision", "status"), ("override", "first", "right")
NUMBERS = ("at", "score", "ms", "metric", "labelled_at")


def export(store: "Store", name: str, file: Path) -> int:
    """Write an experiment's predictions, each with its shadows and its feedback, and return how many there are; the
    file is there whole or not at all (UnknownExperiment, Invalid where pyarrow is missing).
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise Invalid("Parquet needs pyarrow, which is not installed; run 'pip install pyarrow'") from None
    find(store, name)
    rows = store.export(name)
    chunk = list(islice(rows, CHUNK))
    if not chunk:
        raise Invalid(f"nothing is recorded of the experiment '{name}' yet; expected predictions")
    schema = arrow.schema([(key, _type(arrow, key)) for key in chunk[0]])
    draft, count = file.parent / f".{os.getpid()}.parquet", 0
    try:
        if not file.name or (file.exists() and not file.is_file()):
            raise Invalid(f"'{file}' is no file; expected one in a folder")
        with parquet.ParquetWriter(draft, schema) as writer:
            while chunk:
                writer.write_table(arrow.Table.from_pylist(chunk, schema))
                count += len(chunk)
                chunk = list(islice(rows, CHUNK))
        draft.replace(file)
    except OSError as error:
        raise Invalid(f"'{file}' cannot be written ({error.strerror or error}); expected a file in a folder") from None
    finally:
        with suppress(OSError):
            draft.unlink()
    return count


def _type(arrow: Any, key: str) -> Any:
    if key in WHOLE:
        return arrow.int64()
    if key in FLAGS:
        return arrow.bool_()
    return arrow.float64() if key in NUMBERS or key.endswith(("_score", "_ms")) else arrow.string()
