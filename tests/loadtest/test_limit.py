from typing import Any

import pytest

from loadtest.limit import default_limit, readable
from loadtest.recording import Recording


def stream(milliseconds: float, answers: int) -> dict[str, Any]:
    recording = Recording()
    for _ in range(answers):
        recording.add(round(1e6 * milliseconds))
    return {"round": answers, **recording.to_json()}


@pytest.mark.parametrize(
    ("value", "limit"), [(34.1, 30), (33.0, 30), (36.6, 40), (1.02, 1), (9.2, 10), (0.0063, 0.006), (1220.0, 1000), (1250.0, 1500), (17.0, 15), (99.0, 100)]
)
def test_a_limit_is_a_number_that_a_person_can_say(value: float, limit: float) -> None:
    assert readable(value) == limit


def test_two_runs_that_differ_by_a_few_percent_mostly_have_the_same_limit() -> None:
    values = [1.02**power for power in range(700)]
    same = sum(readable(value) == readable(1.05 * value) for value in values)
    assert same > 0.75 * len(values)


def test_the_default_is_five_times_the_baselines_p99_and_says_so() -> None:
    assert default_limit("teacher", [stream(6.8, 600), stream(7.0, 800)]) == {"limit_ms": 30.0, "limit_from": "5 times teacher's p99 of 6.9 ms, rounded"}
    assert default_limit("teacher", [stream(6.8, 400), stream(7.0, 800)]) is not None  # together they are enough


def test_a_baseline_with_too_few_answers_has_no_default() -> None:
    assert default_limit("teacher", []) is None
    assert default_limit("teacher", [stream(6.8, 400), stream(6.8, 500)]) is None
