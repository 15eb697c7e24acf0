from collections.abc import Callable

import pytest

from loadtest.numbers.slowed import FEWEST
from loadtest.search.trial import Answer, judged, length, lowest, sustained
from tests.loadtest.rounds import recorded


def tries(*answers: Answer | None) -> tuple[Callable[[float, int], Answer | None], list[tuple[float, int]]]:
    """A trial that gives these answers, and what it was asked."""
    left: list[Answer | None] = list(answers)
    asked: list[tuple[float, int]] = []

    def trial(rate: float, attempt: int) -> Answer | None:
        asked.append((rate, attempt))
        return left.pop(0)

    return trial, asked


def test_a_failure_is_tried_again_unless_it_is_a_clear_overload() -> None:
    for answers, verdict, tried in (
        ([Answer(True, 0.0)], True, 1),
        ([Answer(False, 0.02), Answer(True, 0.0)], True, 2),
        ([Answer(False, 0.02), Answer(False, 0.02)], False, 2),
        ([Answer(False, 0.2)], False, 1),
        ([Answer(False, 0.0, enough=False)], False, 1),
        ([None], None, 1),
        ([Answer(False, 0.02), None], None, 2),
    ):
        trial, asked = tries(*answers)
        assert sustained(50.0, trial) is verdict
        assert asked == [(50.0, 1), (50.0, 2)][:tried]


@pytest.mark.parametrize(
    ("quick", "slow", "failed", "passed"),
    [
        (100, 0, 0, True),
        (99, 1, 0, True),
        (98, 2, 0, False),
        (99, 0, 0, False),
        (0, 0, 0, False),
        (11, 1, 0, False),
        (200, 0, 1, False),
    ],
)
def test_a_trial_passes_with_enough_requests_and_one_in_a_hundred_above_the_limit(
    quick: int, slow: int, failed: int, passed: bool
) -> None:
    recording = recorded({1.0: quick, 30.0: slow})
    for _ in range(failed):
        recording.add(1_000_000, "5xx")
    assert judged(recording.measurement(), 10.0).passed is passed


def test_a_trial_is_long_enough_for_a_hundred_requests_where_the_rate_allows() -> None:
    assert length(1000.0, 3.0) == pytest.approx(1.5)
    assert length(400.0, 3.0) == pytest.approx(2.0)
    for rate in (11.0, 50.0, 100.0):
        assert rate * length(rate, 3.0) > 1.2 * FEWEST
    assert length(0.5, 3.0) == 12.0


def test_no_rate_is_tried_that_could_only_end_with_too_few_requests() -> None:
    for seconds in (0.25, 3.0, 30.0):
        assert lowest(seconds) * length(lowest(seconds), seconds) == pytest.approx(1.3 * FEWEST)
