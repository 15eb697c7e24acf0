"""What a process does with a window of rows: read them, classify their texts, and write them with the answers."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.predict.cells import as_object
from models.predict.delimited import DelimitedRows, delimited_rows, delimited_windows
from models.predict.formats import Format, Input, Rows, Window
from models.predict.json_lines import JsonRows, json_rows, json_windows
from models.predict.parquet import ArrowRows, parquet_rows, parquet_windows
from models.predict.variant import Variant, open_variant
from models.runtime.classifier import Predictor

DIGITS = 6  # of a score: more would be noise of fp32
LEVEL = 6  # of gzip


@dataclass(frozen=True)
class Work:
    """What is done with every window of one run."""

    variant: Variant
    source: Input
    target: Format
    names: tuple[str, ...]  # of the new columns
    top_k: int
    schema: bytes | None = None  # Arrow's, of the rows as they are written, where they are written as Parquet


class Done(NamedTuple):
    """A window's rows as they are written, how many they are, and what was wrong with others; and where the next window
    begins.
    """

    data: bytes
    rows: int
    unusable: list[tuple[str, str]]
    end: int
    next_line: int
    share: float


def windows(source: Input, at: int, line: int) -> Iterator[Window]:
    """Cut an input into windows from there on (BonsaiError)."""
    cut = {"delimited": delimited_windows, "json": json_windows, "parquet": parquet_windows}[source.format.kind]
    return cut(source, at, line)


def classify(work: Work, window: Window) -> Done:
    """Read, classify and write the rows of a window (BonsaiError where its input or its variant is broken)."""
    rows = _rows(work, window)
    answers = _answers(open_variant(work.variant), rows.texts, work) if rows.texts else []
    data = _written(work, rows, answers) if answers else b""
    return Done(data, len(answers), rows.unusable, window.end, window.next_line, window.share)


def head(work: Work) -> bytes:
    """Return what stands before the first row: the names of the columns, or Arrow's schema."""
    if work.target.kind == "parquet":
        assert work.schema is not None
        return work.schema
    if work.target.kind == "json":
        return b""
    return _zipped(work, _delimited([[*work.source.columns, *work.names]], work.target))


def _rows(work: Work, window: Window) -> DelimitedRows | JsonRows | ArrowRows:
    if work.source.format.kind == "delimited":
        return delimited_rows(work.source, window)
    if work.source.format.kind == "parquet":
        return parquet_rows(work.source, window)
    known = None if work.target.kind == "json" else frozenset(work.source.columns)
    return json_rows(work.source, window, frozenset(work.names), known)


def _answers(predictor: Predictor, texts: Sequence[str], work: Work) -> list[list[Any]]:
    """Return the new cells of every row: label and score, the next likely ones, variant and version."""
    tail = [work.variant.name, work.variant.version]
    if work.top_k == 1:
        best = predictor.best(texts)
        labels = predictor.labels
        pairs = zip(best.numbers.tolist(), best.shares.tolist(), strict=True)
        return [[labels[number], round(share, DIGITS), *tail] for number, share in pairs]
    predictions = predictor.predict(texts, work.top_k)
    return [
        [*(value for label, share in prediction.top for value in (label, round(share, DIGITS))), *tail]
        for prediction in predictions
    ]


def _written(work: Work, rows: Rows, answers: list[list[Any]]) -> bytes:
    if work.target.kind == "parquet":
        return _batch(work, rows, answers)
    if work.target.kind == "json":
        names = work.names
        new = (as_object(dict(zip(names, cells, strict=True)))[1:] for cells in answers)
        lines = [b"%b,%b\n" % pair for pair in zip(rows.objects(), new, strict=True)]
        return _zipped(work, b"".join(lines))
    together = [fields + cells for fields, cells in zip(rows.fields(), answers, strict=True)]
    return _zipped(work, _delimited(together, work.target))


def _delimited(rows: list[list[Any]], target: Format) -> bytes:
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):  # the first leaves a carriage return without quotes
        out = io.StringIO(newline="")
        csv.writer(out, delimiter="\t" if target.tabs else ",", lineterminator="\n", quoting=quoting).writerows(rows)
        if "\r" not in (text := out.getvalue()):
            break
    return text.encode()


def _zipped(work: Work, data: bytes) -> bytes:
    """Return a gzip file of its own, of which several in a row are one again."""
    return gzip.compress(data, LEVEL, mtime=0) if work.target.zipped else data


def _batch(work: Work, rows: Rows, answers: list[list[Any]]) -> bytes:
    import pyarrow

    assert work.schema is not None
    schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(work.schema))
    width = len(schema) - len(work.names)
    columns = rows.batch(pyarrow.schema(list(schema)[:width])).columns if width else []
    new = [
        pyarrow.array(cells, field.type)
        for cells, field in zip(zip(*answers, strict=True), list(schema)[width:], strict=True)
    ]
    message: bytes = pyarrow.record_batch([*columns, *new], schema=schema).serialize().to_pybytes()
    return message
