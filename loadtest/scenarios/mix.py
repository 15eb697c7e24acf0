"""Mix: several variants under one open loop, by weight, as a service that routes a share of its traffic to each of them
sees it.
"""

from argparse import ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Sequence
from typing import Any

from loadtest.ask import traffic
from loadtest.ask.arrivals import MOST_CONNECTIONS
from loadtest.ask.options import positive
from loadtest.errors import LoadTestError
from loadtest.numbers import text
from loadtest.numbers.result import Result, Variant
from loadtest.scenarios.load import Bench, Load
from loadtest.scenarios.measuring import as_round, keep, seed
from loadtest.scenarios.plan import Plan, Turn, in_rounds
from loadtest.scenarios.scenario import Scenario, Table
from loadtest.scenarios.summary import Summary


class Mix(Scenario):
    """Poisson arrivals over several variants; measured where a mix is given."""

    name = "Mix"
    order = 5
    title = "Mix: Poisson arrivals over several variants"
    by_default = False
    has_ratio = False
    ceiling = "open"

    def add_options(self, what: _ActionsContainer, how: _ActionsContainer) -> None:
        """Declare the weights, and the rate of all of them together."""
        what.add_argument(
            "--mix",
            type=_mix,
            default={},
            help="measure variants under a common load too, by weight, like teacher=1,int8=3; needs --rate",
        )
        what.add_argument("--rate", type=positive, default=0.0, help="requests a second of the mix")

    def wanted(self, options: Namespace) -> bool:
        """Say whether there are weights."""
        return bool(options.mix)

    def check(self, options: Namespace, variants: Sequence[str]) -> None:
        """Refuse a mix of others, or without a rate."""
        if unknown := [name for name in options.mix if name not in variants]:
            raise LoadTestError(
                f"the mix names '{unknown[0]}', which is not measured; expected some of {', '.join(variants)}"
            )
        if not options.rate:
            raise LoadTestError("a mix has no rate of its own; give its requests a second with --rate")

    def planned(self, options: Namespace) -> dict[str, Any]:
        """Return the weights."""
        return {"mix": options.mix}

    def connections(self, options: Namespace) -> int:
        """Return those of an open loop."""
        return MOST_CONNECTIONS

    def turns(self, plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
        """Return one turn a round, of all variants."""
        return in_rounds(self.name, plan, [baseline], plan.rounds)

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure all variants at once."""
        load = Load(plan.warm_up, plan.seconds, rate=plan.options.rate, timeout=plan.timeout)
        found = bench.measure(plan.options.mix, {}, load, seed(plan, turn))
        if found is None:
            return None
        turns = {name: Turn(self.name, turn.round, 1, name) for name in found}
        return sum(keep(result, turns[name], as_round(turns[name], one)) for name, one in found.items())

    def expected(self, result: Result, name: str, variant: Variant) -> bool:
        """Say whether the variant is in the mix."""
        return name in result.run.mix

    def table(self, result: Result, rows: Sequence[Summary]) -> Table:
        """Show what each variant got."""
        heads = ["variant", "requests/s", "p50 ms", "p95 ms", "p99 ms [95 %]", "answers", "failures"]
        return heads, [self._cells(row) for row in rows if row.requests]

    def _cells(self, row: Summary) -> list[str]:
        tail = text.milliseconds(row.times[99.0], row.intervals[99.0], interval=True)
        times = [text.milliseconds(row.times[50.0]), text.milliseconds(row.times[95.0]), tail]
        return [row.name, text.rate(row.rate), *times, f"{row.answers:,}", text.by_kind(row.failures)]


def _mix(given: str) -> dict[str, float]:
    try:
        return traffic.mix(given)
    except LoadTestError as error:
        raise ArgumentTypeError(str(error)) from error


SCENARIO = Mix()
