"""What a process does with a window of rows: read them, classify their texts, and write them with the answers."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from models.predict.delimited import DelimitedRows, delimited_rows, delimited_windows
from models.predict.formats import Format, Input, Rows, Window
from models.predict.json_lines import JsonRows, json_rows, json_windows
from models.predict.parquet import ArrowRows, parquet_rows, parquet_windows
from models.predict.variant import Variant, open_variant
from models.predict.writing import Answers, as_text, heading
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

    @property
    def always(self) -> list[str]:
        """What the last columns hold in every row."""
        return [self.variant.name, self.variant.version]


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
    data = b""
    if rows.texts:
        answers = _answers(open_variant(work.variant), rows.texts, work.top_k)
        if work.target.kind == "parquet":
            data = _batch(work, rows, answers)
        else:
            data = _zipped(work, as_text(rows, answers, work.names, work.always, work.target))
    return Done(data, len(rows.texts), rows.unusable, window.end, window.next_line, window.share)


def head(work: Work) -> bytes:
    """Return what stands before the first row: the names of the columns, or Arrow's schema."""
    if work.target.kind == "parquet":
        assert work.schema is not None
        return work.schema
    if work.target.kind == "json":
        return b""
    return _zipped(work, heading([*work.source.columns, *work.names], work.target))


def _rows(work: Work, window: Window) -> DelimitedRows | JsonRows | ArrowRows:
    if work.source.format.kind == "delimited":
        return delimited_rows(work.source, window)
    if work.source.format.kind == "parquet":
        return parquet_rows(work.source, window)
    known = None if work.target.kind == "json" else frozenset(work.source.columns)
    return json_rows(work.source, window, frozenset(work.names), known)


def _answers(predictor: Predictor, texts: Sequence[str], top_k: int) -> Answers:
    if top_k == 1:
        best = predictor.best(texts)
        return Answers(predictor.labels, [best.numbers.tolist()], [best.shares.tolist()])
    probabilities, _ = predictor.probabilities(texts)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    shares = np.take_along_axis(probabilities, order, axis=1)
    return Answers(predictor.labels, order.T.tolist(), shares.T.tolist())


def _zipped(work: Work, data: bytes) -> bytes:
    """Return a gzip file of its own, of which several in a row are one again."""
    return gzip.compress(data, LEVEL, mtime=0) if work.target.zipped else data


def _batch(work: Work, rows: Rows, answers: Answers) -> bytes:
    """Return the rows as a message of Arrow's."""
    import pyarrow

    schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(work.schema))
    width = len(schema) - len(work.names)
    columns = rows.batch(pyarrow.schema(list(schema)[:width])).columns if width else []
    new: list[list[Any]] = []
    for numbers, scores in zip(answers.numbers, answers.scores, strict=True):
        new += [[answers.labels[number] for number in numbers], [round(score, DIGITS) for score in scores]]
    new += [[value] * len(rows.texts) for value in work.always]
    arrays = [pyarrow.array(cells, field.type) for cells, field in zip(new, list(schema)[width:], strict=True)]
    message: bytes = pyarrow.record_batch([*columns, *arrays], schema=schema).serialize().to_pybytes()
    return message
