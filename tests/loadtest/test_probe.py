from collections.abc import Callable

import pytest

from loadtest.probe import FEWEST, Probe, judged, length, lowest, sustained
from loadtest.recording import Recording


def tries(*answers: Probe | None) -> tuple[Callable[[float, int], Probe | None], list[tuple[float, int]]]:
    """A probe that gives these answers, and what it was asked."""
    left: list[Probe | None] = list(answers)
    asked: list[tuple[float, int]] = []

    def probe(rate: float, attempt: int) -> Probe | None:
        asked.append((rate, attempt))
        return left.pop(0)

    return probe, asked


def test_a_failure_is_tried_again_unless_it_is_a_clear_overload() -> None:
    for answers, verdict, tried in (
        ([Probe(True, 0.0)], True, 1),
        ([Probe(False, 0.02), Probe(True, 0.0)], True, 2),
        ([Probe(False, 0.02), Probe(False, 0.02)], False, 2),
        ([Probe(False, 0.2)], False, 1),
        ([Probe(False, 0.0, enough=False)], False, 1),
        ([None], None, 1),
        ([Probe(False, 0.02), None], None, 2),
    ):
        probe, asked = tries(*answers)
        assert sustained(50.0, probe) is verdict
        assert asked == [(50.0, 1), (50.0, 2)][:tried]


@pytest.mark.parametrize(
    ("quick", "slow", "failed", "passed"),
    [(100, 0, 0, True), (99, 1, 0, True), (98, 2, 0, False), (99, 0, 0, False), (0, 0, 0, False), (11, 1, 0, False), (200, 0, 1, False)],
)
def test_a_try_passes_with_enough_requests_and_one_in_a_hundred_above_the_limit(quick: int, slow: int, failed: int, passed: bool) -> None:
    recording = Recording()
    for _ in range(quick):
        recording.add(1_000_000)
    for _ in range(slow):
        recording.add(30_000_000)
    for _ in range(failed):
        recording.add(1_000_000, "5xx")
    assert judged(recording.to_json(), 10.0).passed is passed


def test_a_try_is_long_enough_for_a_hundred_requests_where_the_rate_allows() -> None:
    assert length(1000.0, 3.0) == pytest.approx(1.5)
    assert length(400.0, 3.0) == pytest.approx(2.0)
    for rate in (11.0, 50.0, 100.0):
        assert rate * length(rate, 3.0) > 1.2 * FEWEST
    assert length(0.5, 3.0) == 12.0


def test_no_rate_is_tried_that_could_only_end_with_too_few_requests() -> None:
    for seconds in (0.25, 3.0, 30.0):
        assert lowest(seconds) * length(lowest(seconds), seconds) == pytest.approx(1.3 * FEWEST)
