import csv
from dataclasses import fields, replace
from pathlib import Path

import pytest

from models.report.build_results import BuildResults, read_build_results
from models.report.flips import Flip, flips, write_flips

HOSTILE = [
    'a "quoted", comma',
    "two\nlines\r\nand three",
    "=1+1",
    "<script>alert(1)</script>",
    "أين بطاقتي",
    "  spaces  ",
]


@pytest.fixture(scope="module")
def results(built: Path) -> BuildResults:
    """The tiny build, whose int8 gives every second row another label."""
    read = read_build_results(built)
    teacher = read.teacher.predictions.given
    given = [(number + row % 2) % len(read.labels) for row, number in enumerate(teacher)]
    changed = [
        replace(one, predictions=one.predictions.model_copy(update={"given": given})) if one.name == "int8" else one
        for one in read.variants
    ]
    return replace(read, variants=changed)


def test_flips_are_the_labels_that_differ_from_the_teachers_most_confident_first(results: BuildResults) -> None:
    for result in results.variants:
        listed = flips(results, result)
        given, teacher = result.predictions.given, results.teacher.predictions.given
        changed = {results.texts[row]: row for row in range(len(given)) if given[row] != teacher[row]}
        assert {flip.text for flip in listed} == set(changed)
        assert [flip.confidence for flip in listed] == sorted((flip.confidence for flip in listed), reverse=True)
        for flip in listed:
            row = changed[flip.text]
            assert flip.confidence == result.predictions.confidence[row]
            names = (results.labels[results.gold[row]], results.labels[teacher[row]], results.labels[given[row]])
            assert (flip.gold, flip.teacher, flip.variant) == names
    assert len(flips(results, next(one for one in results.variants if one.name == "int8"))) == len(results.gold) // 2
    assert flips(results, results.teacher) == []


@pytest.mark.parametrize(("gold", "outcome"), [("a", "lost"), ("b", "won"), ("c", "wrong in both")])
def test_the_outcome_says_who_was_right(gold: str, outcome: str) -> None:
    assert Flip("text", gold, "a", "b", 0.5).outcome == outcome


def test_the_csv_holds_the_texts_as_they_are(tmp_path: Path) -> None:
    listed = [Flip(text, "gold", "a, b", 'c"d', 0.123456) for text in HOSTILE]
    write_flips(tmp_path / "flips.csv", listed)
    with (tmp_path / "flips.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Flip(**{**row, "confidence": float(row["confidence"])}) for row in rows] == listed
    assert list(rows[0]) == [field.name for field in fields(Flip)]
    assert [path.name for path in tmp_path.iterdir()] == ["flips.csv"]
