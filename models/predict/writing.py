"""Rows with their answers as text: CSV, TSV and JSON lines.

A label is written once, with all that stands around it, and every row puts its score in: the fastest variants take
40 µs a text, and what goes on here should be no tenth of that.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from models.predict.cells import as_object
from models.predict.formats import Format, Rows

SCORE = "%.6f"  # more digits would be noise of fp32


class Answers(NamedTuple):
    """The likely labels of some texts: numbers of labels and scores, by rank and then by row."""

    labels: list[str]
    numbers: list[list[int]]
    scores: list[list[float]]


def as_text(rows: Rows, answers: Answers, names: Sequence[str], always: Sequence[str], target: Format) -> bytes:
    """Return the rows with their answers and with what is `always` the same; `names` are those of all new columns."""
    json = target.kind == "json"
    between = "," if json else _delimiter(target)
    lines: Iterable[str] = rows.objects() if json else _lines(rows.fields(), target)
    last = between + (_pairs(names[-len(always) :], always) + "}" if json else _lines([always], target)[0])
    for rank, (numbers, scores) in enumerate(zip(answers.numbers, answers.scores, strict=True)):
        label_name, score_name = names[2 * rank : 2 * rank + 2]
        end = f"{last}\n" if rank == len(answers.numbers) - 1 else ""
        before_score = f"{between}{_pairs([score_name], [0])[:-1]}" if json else between
        forms = [
            _literal(between + (_pairs([label_name], [label]) if json else _lines([[label]], target)[0]) + before_score)
            + SCORE
            + _literal(end)
            for label in answers.labels
        ]
        lines = [line + forms[number] % score for line, number, score in zip(lines, numbers, scores, strict=True)]
    return "".join(lines).encode()


def heading(columns: Sequence[str], target: Format) -> bytes:
    """Return the line that names the columns."""
    return f"{_lines([columns], target)[0]}\n".encode()


class _Lines(list[str]):
    """What csv takes for a file."""

    write = list.append


def _lines(rows: Iterable[Sequence[Any]], target: Format) -> list[str]:
    """Return rows as csv writes them, without the lines' ends; what holds a part of such an end is put in quotes."""
    lines = _Lines()
    csv.writer(lines, delimiter=_delimiter(target), lineterminator="\r\n").writerows(rows)  # type: ignore[arg-type]
    return [line[:-2] for line in lines]


def _delimiter(target: Format) -> str:
    return "\t" if target.tabs else ","


def _pairs(names: Sequence[str], values: Sequence[Any]) -> str:
    """Return names and values as they stand between the brackets of an object."""
    return as_object(dict(zip(names, values, strict=True)))[1:-1]


def _literal(text: str) -> str:
    return text.replace("%", "%%")
