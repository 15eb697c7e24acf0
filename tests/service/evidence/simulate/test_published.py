"""The stored figures reach what was asked of the verdicts."""

import json
from pathlib import Path

import pytest

from service.evidence.simulate.kinds import NULLS, POWER, RACES

STORED = Path(__file__).parents[4] / "service" / "results" / "published" / "verdicts.json"


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(STORED.read_text(encoding="utf-8"))


def test_all_kinds_are_stored_as_they_are_now(stored: dict) -> None:
    assert [(row["kind"], row["world"], row["allowed"]) for row in stored["level"]] == [
        (null.kind, null.world, null.alpha) for null in NULLS
    ]
    assert [(row["kind"], row["world"], row["labels"]) for row in stored["power"]] == [
        (found.kind, found.world, found.labels) for found in POWER
    ]
    assert [tuple(row[key] for key in race._fields) for row, race in zip(stored["tango"], RACES, strict=True)] == RACES
    assert STORED.stat().st_size < 1_000_000


def test_false_verdicts_are_as_rare_as_promised(stored: dict) -> None:
    for row in stored["level"]:
        assert (row["experiments"], row["labels"]) == (4000, 20_000)
        assert row["false"] <= row["allowed"] * row["experiments"], row
        assert row["upper"] <= 0.057, row


def test_worse_arms_are_found(stored: dict) -> None:
    for row in stored["power"]:
        assert row["found"] >= row["asked"] * row["experiments"], row


def test_a_verdict_takes_few_more_labels_than_one_look(stored: dict) -> None:
    for row in stored["tango"]:
        assert row["enough"] <= 1.8 * row["one_look"], row
