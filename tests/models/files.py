"""Small data sets as files of every kind."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from models.data.dataset import Dataset, load_dataset
from models.recipe.recipe import DatasetSource

Rows = list[tuple[str, Any]]
ROWS: Rows = [(f"text {number} of {label}", label) for number in range(20) for label in ("a", "b", "c")]


def read(path: Path, **options: Any) -> Dataset:
    return load_dataset(DatasetSource(source=str(path), **options), str.lower)


def delimited(rows: Rows = ROWS, delimiter: str = ",", header: tuple[str, ...] | None = ("text", "label")) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows] if header else rows)
    return out.getvalue()


def objects(rows: Rows = ROWS) -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in rows]


def json_lines(rows: Rows = ROWS) -> str:
    return "".join(json.dumps(row) + "\n" for row in objects(rows))


def parquet_bytes(columns: dict[str, Any], names: list[str] | None = None) -> bytes:
    table = pyarrow.table(columns)
    if names is not None:  # as the datasets library writes it
        features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({b"huggingface": json.dumps({"info": {"features": features}}).encode()})
    out = pyarrow.BufferOutputStream()
    parquet.write_table(table, out)
    return out.getvalue().to_pybytes()


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
