"""How a figure changed that is known by its bounds alone, as Server's rate is: above what its rounds confirmed, and
below what was clearly too much.
"""

from math import inf

from loadtest.numbers.intervals import Interval
from loadtest.numbers.result import Result
from loadtest.scenarios.scenario import Scenario


def bounded_change(
    scenario: Scenario, old: Result, new: Result, name: str, *, relative: bool = False
) -> Interval | None:
    """Return the new figure over the old, between its bounds, or that of their multiples of the runs' baselines; None
    where there is none to divide by.
    """
    before, after = (_multiple(scenario, run, name) if relative else scenario.bounds(run, name) for run in (old, new))
    return _over(after, before)


def _multiple(scenario: Scenario, run: Result, name: str) -> Interval | None:
    baseline = scenario.bounds(run, run.run.baseline)
    return _over(scenario.bounds(run, name), baseline) if baseline and baseline.value else None


def _over(one: Interval | None, other: Interval | None) -> Interval | None:
    if one is None or other is None:
        return None
    return Interval(_divided(one.value, other.value), _divided(one.low, other.high), _divided(one.high, other.low))


def _divided(one: float, other: float) -> float:
    return one / other if other else inf
