"""How Server's rate changed between two runs: of each it is known to lie between the rate that the rounds settled for and the lowest that was too much."""

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
    if "rate" not in server:
        return None
    too_much = [server["failed"] or inf, *(each["rate"] for each in server.get("given_up", []))]
    return Ratio(server["rate"], server["rate"], min(too_much))


def _over(one: Ratio | None, other: Ratio | None) -> Ratio | None:
    return Ratio(one.value / other.value, one.low / other.high, one.high / other.low) if one and other and other.low else None
