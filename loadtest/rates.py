"""How Server's rate changed between two runs: of each it is known to lie above what its rounds confirmed and below what was clearly too much."""

from math import inf

from loadtest.probe import CLEAR_OVERLOAD
from loadtest.result import Result
from loadtest.rounds import Interval
from loadtest.settle import kept
from loadtest.summary import SERVER


def rate_change(old: Result, new: Result, name: str, *, relative: bool = False) -> Interval | None:
    """Return the new rate over the old, between its bounds, or that of their multiples of the runs' baselines; None where there is no rate to divide by."""
    before, after = (_multiple(run, name) if relative else _rate(run, name) for run in (old, new))
    return _over(after, before)


def _multiple(run: Result, name: str) -> Interval | None:
    baseline = _rate(run, run["run"]["baseline"])
    return _over(_rate(run, name), baseline) if baseline and baseline.value else None


def _rate(run: Result, name: str) -> Interval | None:
    """Return the rate that was tried last, between what the rounds confirmed (0 where they left it undecided) and what was too much (or infinity)."""
    server = run["variants"].get(name, {}).get("scenarios", {}).get(SERVER, {})
    if "rate" not in server:
        return None
    rate = server["rate"]
    confirmed = kept(server["rounds"], run["conditions"]["limit_ms"])
    too_much = [each["rate"] for each in server.get("given_up", []) if each["share_above_limit"] > CLEAR_OVERLOAD]
    too_much += [rate] if rate and confirmed is False else []
    return Interval(rate, rate if confirmed else 0.0, min(server["failed"] or inf, *too_much, inf))


def _over(one: Interval | None, other: Interval | None) -> Interval | None:
    if one is None or other is None:
        return None
    return Interval(_divided(one.value, other.value), _divided(one.low, other.high), _divided(one.high, other.low))


def _divided(one: float, other: float) -> float:
    return one / other if other else inf
