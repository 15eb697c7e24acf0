import csv
from dataclasses import fields, replace
from pathlib import Path

import pytest

from models.findings import Findings, read_findings
from models.flips import Flip, flips, write_flips

HOSTILE = ['a "quoted", comma', "two\nlines\r\nand three", "=1+1", "<script>alert(1)</script>", "أين بطاقتي", "  spaces  "]


@pytest.fixture(scope="module")
def findings(built: Path) -> Findings:
    """The tiny build, whose int8 gives every second row another label."""
    read = read_findings(built)
    teacher = read.teacher.evidence.given
    given = [(number + row % 2) % len(read.labels) for row, number in enumerate(teacher)]
    changed = [replace(one, evidence=one.evidence.model_copy(update={"given": given})) if one.name == "int8" else one for one in read.variants]
    return replace(read, variants=changed)


def test_flips_are_the_labels_that_differ_from_the_teachers_most_confident_first(findings: Findings) -> None:
    for finding in findings.variants:
        listed = flips(findings, finding)
        given, teacher = finding.evidence.given, findings.teacher.evidence.given
        changed = {findings.texts[row]: row for row in range(len(given)) if given[row] != teacher[row]}
        assert {flip.text for flip in listed} == set(changed)
        assert [flip.confidence for flip in listed] == sorted((flip.confidence for flip in listed), reverse=True)
        for flip in listed:
            row = changed[flip.text]
            assert flip.confidence == finding.evidence.confidence[row]
            names = (findings.labels[findings.gold[row]], findings.labels[teacher[row]], findings.labels[given[row]])
            assert (flip.gold, flip.teacher, flip.variant) == names
    assert len(flips(findings, next(one for one in findings.variants if one.name == "int8"))) == len(findings.gold) // 2
    assert flips(findings, findings.teacher) == []


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
