"""How Server's rate changed between two runs: of each the search knows the highest rate that passed and the lowest that failed, and no more."""

from math import inf

from loadtest.ratio import Ratio
from loadtest.result import Result
from loadtest.summary import SERVER


def rate_change(old: Result, new: Result, name: str, *, relative: bool = False) -> Ratio | None:
    """Return the new rate over the old, between its bounds, or that of their multiples of the runs' baselines; None where there is no rate to divide by."""
    rates = [_multiple(run, name) if relative else _rate(run, name) for run in (old, new)]
    return _over(rates[1], rates[0])


def _multiple(run: Result, name: str) -> Ratio | None:
    return _over(_rate(run, name), _rate(run, run["run"]["baseline"]))


def _rate(run: Result, name: str) -> Ratio | None:
    server = run["variants"].get(name, {}).get("scenarios", {}).get(SERVER, {})
    return Ratio(server["passed"], server["passed"], server["failed"] or inf) if "passed" in server else None


def _over(one: Ratio | None, other: Ratio | None) -> Ratio | None:
    return Ratio(one.value / other.value, one.low / other.high, one.high / other.low) if one and other and other.low else None
