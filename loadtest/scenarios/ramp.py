"""Ramp: shares of the rate that Server found, from idle to too much, for the curve of latency against throughput."""

from argparse import Namespace
from collections.abc import Sequence

from loadtest.ask.arrivals import MOST_CONNECTIONS
from loadtest.numbers.percentiles import milliseconds
from loadtest.numbers.recording import merged
from loadtest.numbers.result import Result, Round, Variant
from loadtest.scenarios.load import Bench
from loadtest.scenarios.measuring import OVERLOAD, keep, measured, seed
from loadtest.scenarios.plan import Plan, Turn, in_rounds
from loadtest.scenarios.scenario import Scenario
from loadtest.scenarios.server import SCENARIO as SERVER
from loadtest.scenarios.server import open_loop
from loadtest.search.confirmation import CONFIRMED_SHARE

SHARES = (0.1, 0.3, 0.5, 0.7, 0.85, 1.0, 1.15)  # of the rate that the search found
STEP_ANSWERS, SHORTEST_STEP, LONGEST_STEP = 250, 0.3, 1.6  # wished for: p95 needs 200; times --seconds
CURVE_PERCENTILE = 95.0  # steps are short, and seldom carry a p99


class Ramp(Scenario):
    """An open loop, faster at every step."""

    name = "Ramp"
    order = 4
    ceiling = "open"

    def connections(self, options: Namespace) -> int:
        """Return those of an open loop."""
        return MOST_CONNECTIONS

    def turns(self, plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
        """Return a round for each step."""
        return in_rounds(self.name, plan, variants, len(SHARES))

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure at a share of the rate that was settled for, as if it had been found."""
        share, settled = SHARES[turn.round - 1], SERVER.rate(result.variants[turn.variant])
        if not (rate := share * settled / CONFIRMED_SHARE):
            return 1
        seconds = min(max(STEP_ANSWERS / rate, SHORTEST_STEP * plan.seconds), LONGEST_STEP * plan.seconds)
        one = measured(turn, bench, result, open_loop(rate, seconds, plan), seed(plan, turn))
        return None if one is None else keep(result, turn, one, excused=OVERLOAD if share > CONFIRMED_SHARE else ())

    def expected(self, result: Result, name: str, variant: Variant) -> bool:
        """Say whether there is a rate of which to take shares."""
        return SERVER.expected(result, name, variant)

    def curve(self, rounds: Sequence[Round]) -> list[tuple[float, float]]:
        """Return the p95 at every rate offered, where a step has enough answers."""
        steps = sorted((one.offered or 0.0, milliseconds(merged([one.histogram]), CURVE_PERCENTILE)) for one in rounds)
        return [(rate, time) for rate, time in steps if time is not None]


SCENARIO = Ramp()
