"""Runs in this process, and files of every format."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from models.predict.formats import Input, Window, format_of
from models.predict.run import Options, predict
from models.predict.unfinished import Place
from models.predict.work import Done, Work, classify, windows

FORMATS = ("csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz")
TEXTS = (
    "where is my parcel",
    'please "cancel", now',
    "money\nback",
    "card\rcharged",
    "ünï çödé 🙂",
    "  twice; charged\t",
)
ROWS = [{"id": f"{number:03}", "text": text} for number, text in enumerate(TEXTS * 40)]


def in_turn(work: Work, at: int, line: int) -> Iterator[Done]:
    """Classify one window after the other, in this process."""
    return (classify(work, window) for window in windows(work.source, at, line))


def run(built: Path, source: Path, target: Path, variant: str = "int8", **options: Any) -> Place:
    return predict(variant, source, target, Options(built, **options), in_turn)


def cut(source: Input) -> list[Window]:
    return list(windows(source, source.start, source.line))


def write(file: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Write rows as a file's suffix says."""
    form = format_of(file)
    if form.kind == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), file, row_group_size=70)
        return file
    if form.kind == "json":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        out = io.StringIO(newline="")
        lines = csv.writer(out, delimiter="\t" if form.tabs else ",")
        lines.writerows([list(rows[0]), *(list(row.values()) for row in rows)])
        text = out.getvalue()
    file.write_bytes(gzip.compress(text.encode()) if form.zipped else text.encode())
    return file


def read(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, scores as numbers."""
    form = format_of(file)
    if form.kind == "parquet":
        return parquet.read_table(file).to_pylist()  # type: ignore[no-any-return]
    text = (gzip.decompress(file.read_bytes()) if form.zipped else file.read_bytes()).decode()
    if form.kind == "json":
        return [json.loads(line) for line in text.split("\n") if line]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if form.tabs else ",")
    return [{key: float(value) if "score" in key else value for key, value in row.items()} for row in rows]
