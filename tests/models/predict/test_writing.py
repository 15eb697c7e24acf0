"""Answers stand behind their rows, whatever labels and names hold."""

import csv
import io
import json

import pytest

from models.predict.formats import Format
from models.predict.writing import Answers, as_text

LABELS = ["a", '100 %, "sure"', "é\n%s", "tab\there"]
NAMES = ("label", "score %d", "variant", "version")


class Some:
    """Two columns of text."""

    def fields(self) -> list[list[str]]:
        return [["1 %", "x,\ty"], ["2", "z\r"]]

    def objects(self) -> list[str]:
        return ['{"id": "1 %"', '{"id": "2"']


@pytest.mark.parametrize("numbers", [[0, 1], [2, 3]])
@pytest.mark.parametrize("tabs", [False, True])
def test_delimited_rows(numbers: list[int], tabs: bool) -> None:
    written = as_text(Some(), Answers(LABELS, [numbers], [[0.5, 1e-7]]), NAMES, ["v", "1"], Format("delimited", tabs))
    read = list(csv.reader(io.StringIO(written.decode(), newline=""), delimiter="\t" if tabs else ",", strict=True))
    assert read == [
        [*fields, LABELS[number], score, "v", "1"]
        for fields, number, score in zip(Some().fields(), numbers, ["0.500000", "0.000000"], strict=True)
    ]


def test_json_rows() -> None:
    names = ("l%s", "score", "l_2", "score_2", "variant", "version")
    answers = Answers(LABELS, [[0, 1], [2, 3]], [[0.75, 0.5], [0.25, 0.125]])
    first, second = map(json.loads, as_text(Some(), answers, names, ["v", "1"], Format("json")).decode().splitlines())
    assert first == {
        **{"id": "1 %", "l%s": "a", "score": 0.75, "l_2": LABELS[2], "score_2": 0.25},
        **{"variant": "v", "version": "1"},
    }
    assert (second["l%s"], second["l_2"], second["score_2"]) == (LABELS[1], LABELS[3], 0.125)
