from collections.abc import Callable

from loadtest.probe import Probe, sustained


def tries(*answers: Probe | None) -> tuple[Callable[[float], Probe | None], list[float]]:
    """A probe that gives these answers, and the rates that it was asked."""
    left, asked = list(answers), []

    def probe(rate: float) -> Probe | None:
        asked.append(rate)
        return left.pop(0)

    return probe, asked


def test_a_failure_is_tried_again_unless_it_is_a_clear_overload() -> None:
    for answers, verdict, tried in (
        ([Probe(True, 0.0)], True, 1),
        ([Probe(False, 0.02), Probe(True, 0.0)], True, 2),
        ([Probe(False, 0.02), Probe(False, 0.02)], False, 2),
        ([Probe(False, 0.2)], False, 1),
        ([None], None, 1),
        ([Probe(False, 0.02), None], None, 2),
    ):
        probe, asked = tries(*answers)
        assert sustained(50.0, probe) is verdict
        assert asked == [50.0] * tried
