"""Why not to compare variants by a run: it failed, or it went well and still proves nothing."""

from loadtest.numbers.intervals import Interval
from loadtest.numbers.result import Result
from loadtest.numbers.text import by_kind
from loadtest.scenarios.registry import BY_NAME, RANKING, SCENARIOS

CONTROL_WITHIN = 0.1  # a control whose interval reaches further from 1 could hide a difference of that size


def faults(result: Result) -> list[str]:
    """Return what makes a run fail: something was not measured, or not answered rightly."""
    found = []
    if not result.run.complete:
        found.append(f"This run is incomplete: {result.run.stopped}.")
    if failed := result.total_failures():
        kinds = [
            f"{name}: {by_kind(variant.failures)}" for name, variant in result.everyone().items() if variant.failures
        ]
        found.append(f"This run has {failed:,} failed {'answer' if failed == 1 else 'answers'} ({'; '.join(kinds)}).")
    if result.run.complete and (silent := _silent(result)):
        found.append(f"This run has no answer at all of {', '.join(silent)}.")
    return found


def doubts(result: Result) -> list[str]:
    """Return what makes a run that went well no base for a comparison."""
    return _of_control(result) + [doubt for scenario in SCENARIOS for doubt in scenario.doubts(result)]


def control(result: Result) -> Interval | None:
    """Return the baseline's speed against itself, measured in turns like a variant of its own."""
    return RANKING.compared(result.baseline(RANKING.name), result.run.control.rounds) if result.run.control else None


def is_narrow(control: Interval) -> bool:
    """Say whether an A/A interval shows that equal things come out as equal: it contains 1, and nothing far from 1."""
    return 1 - CONTROL_WITHIN <= control.low <= 1 <= control.high <= 1 + CONTROL_WITHIN


def _of_control(result: Result) -> list[str]:
    run, again = result.run, control(result)
    if again is not None and not is_narrow(again):
        against = f"{run.baseline} against itself came out as {again.value:.3f} [{again.low:.3f}, {again.high:.3f}]"
        wanted = f"which should contain 1 and lie within {1 - CONTROL_WITHIN:g} to {1 + CONTROL_WITHIN:g}"
        return [
            f"This run proves nothing: {against}, {wanted}; more --rounds or --seconds, or a quieter machine, make it "
            "narrower."
        ]
    if again is None and run.complete and run.control is not None and RANKING.name in run.scenarios:
        return ["This run proves nothing: its A/A control has too few rounds or answers for an interval."]
    return []


def _silent(result: Result) -> list[str]:
    return [
        f"{name} in {scenario}"
        for scenario in result.run.scenarios
        for name, variant in result.everyone().items()
        if (scenario not in BY_NAME or BY_NAME[scenario].expected(result, name, variant))
        and not any(one.requests for one in variant.rounds(scenario))
    ]
