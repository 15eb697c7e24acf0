"""What `make replicas` and `make kills` say of what they saw: every promise is judged, and no wait is for ever."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.kills import within
from tests.replicas import program, rows

ROOT = Path(__file__).parents[1]
STORED: dict[str, Any] = json.loads((ROOT / "service/results/published/replicas.json").read_text(encoding="utf-8"))
STORED["sigterm"] = {"connect_errors": 0, "write_errors": 0, **STORED["sigterm"]}
BROKEN = [
    (0, "sticky", "moved", 1, "1 users with two arms"),
    (1, "killed", "lost", 2, "2 lost"),
    (1, "feedback", "lost", 3, "labels 3 lost"),
    (1, "feedback", "twice", 4, "4 counted twice"),
    (2, "rolled", "lost", 5, "5 lost"),
    (2, "rolled", "exit_codes", [0, 1], "exit codes [0, 1]"),
    (2, "rolled", "seconds_to_end", [7.5, 31.0], "31.0 s at the most"),
    (3, "sigterm", "connect_errors", 6, "6 of 9,791 lost"),
    (3, "sigterm", "read_errors", 7, "7 of 9,791 lost"),
    (3, "sigterm", "write_errors", 8, "8 of 9,791 lost"),
    (3, "sigterm", "timeouts", 9, "0 of 9,791 lost, 9 timed out;"),
    (3, "sigterm", "refused", 10, "0 of 9,791 lost, 10 refused;"),
    (3, "sigterm", "exit_code", -9, "exit code -9"),
    (3, "sigterm", "seconds_to_end", 30.1, "ended after 30.1 s"),
    (4, "worker", "seconds_most", 5.1, "5.1 s at the most"),
    (4, "worker", "failed", 11, "11 of 1,056 requests"),
    (4, "worker", "requests_to_the_other", 0, "0 of 0 requests"),
]


def test_what_was_published_kept_every_promise() -> None:
    assert [row["kept"] for row in rows(STORED)] == [True] * 5
    assert [row["seen"] for row in rows(STORED)] == [row["seen"] for row in STORED["rows"]]


@pytest.mark.parametrize(("row", "part", "name", "value", "seen"), BROKEN)
def test_a_promise_that_was_not_kept_says_so(row: int, part: str, name: str, value: object, seen: str) -> None:
    found = copy.deepcopy(STORED)
    found[part][name] = value
    drawn = rows(found)
    assert [number for number, each in enumerate(drawn) if not each["kept"]] == [row]
    assert seen in drawn[row]["seen"]


def test_a_wait_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("first words\nlast words\n")
    with pytest.raises(SystemExit) as ended:
        for _ in within("a worker is not back", tmp_path / "log.txt", 0.01):
            pass
    assert ended.value.code == (
        "error: a worker is not back after 0 s; expected two that serve; the log ends with: last words"
    )


def test_a_missing_program_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"^error: wrk-none is not installed; 'apt-get install wrk-none' brings it$"):
        program("wrk-none")
