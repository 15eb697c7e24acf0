from typing import Any

import pytest

from loadtest.recording import Recording
from loadtest.settle import given_up, too_slow_alone


def measured(quick: int, slow: int) -> dict[str, Any]:
    recording = Recording()
    for milliseconds, count in ((1, quick), (30, slow)):
        for _ in range(count):
            recording.add(1_000_000 * milliseconds)
    return recording.to_json()


def server(*rounds: dict[str, Any]) -> dict[str, Any]:
    return {"limit_ms": 10.0, "rate": 100.0, "rounds": list(rounds), "given_up": []}


@pytest.mark.parametrize(
    ("before", "now", "rounds_left", "expected"),
    [
        ([], (970, 30), 4, True),
        ([], (985, 15), 4, False),
        ([(1000, 0)] * 2, (970, 30), 2, False),
        ([(1000, 0)], (950, 50), 2, True),
        ([], (970, 30), 0, False),
        ([], (50, 40), 4, False),
    ],
)
def test_a_rate_is_given_up_when_its_rounds_are_far_above_the_limit_and_others_are_left(
    before: list[tuple[int, int]], now: tuple[int, int], rounds_left: int, expected: bool
) -> None:
    state = server(*(measured(*one) for one in before))
    assert given_up(state, measured(*now), rounds_left) is expected
    if expected:
        share = sum(slow for _, slow in [*before, now]) / sum(sum(one) for one in [*before, now])
        assert state == {"limit_ms": 10.0, "rate": 80.0, "rounds": [], "given_up": [{"rate": 100.0, "rounds": len(before) + 1, "share_above_limit": share}]}
    else:
        assert (state["rate"], len(state["rounds"]), state["given_up"]) == (100.0, len(before), [])


def test_no_rate_keeps_a_limit_that_one_request_after_another_breaks() -> None:
    assert too_slow_alone([measured(900, 100)], 10.0) == pytest.approx(30.0, rel=0.01)
    assert too_slow_alone([measured(990, 10)], 10.0) is None  # the interval holds the limit
    assert too_slow_alone([measured(1000, 0)], 10.0) is None
    assert too_slow_alone([measured(10, 10)], 10.0) is None  # too few answers for a p99
    assert too_slow_alone([], 10.0) is None
