"""Offline, as MLPerf names it: as many texts as possible, in large requests of a few users; its figure is the
throughput.
"""

from argparse import Namespace, _ActionsContainer
from collections.abc import Sequence
from typing import Any

from loadtest.ask.options import whole
from loadtest.numbers import text
from loadtest.numbers.cost import per_million
from loadtest.numbers.intervals import Interval
from loadtest.numbers.percentiles import mean, milliseconds
from loadtest.numbers.recording import merged
from loadtest.numbers.result import Conditions, Result, Round
from loadtest.scenarios.load import Bench, Load
from loadtest.scenarios.measuring import keep, measured, seed
from loadtest.scenarios.plan import Plan, Turn
from loadtest.scenarios.scenario import Scenario, Table
from loadtest.scenarios.summary import Search, Summary

LONGEST = 4  # times --seconds, for a service that answers less than two requests a user in them
PATIENCE_S = 60.0  # nobody waits for a single answer there


class Offline(Scenario):
    """A closed loop of a few users."""

    name = "Offline"
    order = 3
    title = "Offline: as many texts as possible in large requests"
    paired = True
    compared_by = (("time a text", None),)

    def add_options(self, what: _ActionsContainer, how: _ActionsContainer) -> None:
        """Declare how large the requests are, and how many."""
        how.add_argument("--offline-texts", type=whole, default=256, help="texts in one request of Offline")
        how.add_argument("--offline-users", type=whole, default=2, help="requests of Offline at the same time")

    def planned(self, options: Namespace) -> dict[str, Any]:
        """Return both."""
        return {"offline": {"users": options.offline_users, "texts": options.offline_texts}}

    def connections(self, options: Namespace) -> int:
        """Return one for each user."""
        return int(options.offline_users)

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure for as long as a throughput needs, which is two answers of every user; later rounds begin with what
        the earlier took.
        """
        rounds, longest = result.rounds_at(self.name, turn.variant, there=turn.there), LONGEST * plan.seconds
        seconds = rounds[-1].seconds if rounds else plan.seconds
        while True:
            load = Load(
                plan.warm_up,
                seconds,
                plan.options.offline_users,
                plan.options.offline_texts,
                timeout=max(plan.timeout, PATIENCE_S),
            )
            one = measured(turn, bench, result, load, seed(plan, turn))
            if one is None:
                return None
            if one.texts_per_second is not None or one.failures or seconds >= longest:
                return keep(result, turn, one)
            seconds = min(2 * seconds, longest)

    def times(self, rounds: Sequence[Round], percentile: float | None = None) -> dict[int, float]:
        """Return the time of a text: of a request with hundreds of them it says nothing."""
        return {one.round: 1000 / one.texts_per_second for one in rounds if one.texts_per_second}

    def rates(self, rounds: Sequence[Round]) -> list[float]:
        """Return the rates from answer to answer: the edges of a window would cut off whole requests."""
        return [one.texts_per_second for one in rounds if one.texts_per_second]

    def mean(self, rounds: Sequence[Round]) -> float | None:
        """Return the mean time of a request."""
        return mean(merged(one.histogram for one in rounds))

    def percentile(self, rounds: Sequence[Round], share: float) -> tuple[float | None, Interval | None]:
        """Return that of all requests together."""
        return milliseconds(merged(one.histogram for one in rounds), share), None

    def cost(self, rate: float | None, search: Search | None, conditions: Conditions) -> float | None:
        """Return the cost at full throughput."""
        return per_million(conditions, rate)

    def compared_conditions(self, result: Result) -> dict[str, Any]:
        """Return how large the requests were, and how many."""
        return {"Offline requests": result.run.offline}

    def table(self, result: Result, rows: Sequence[Summary]) -> Table:
        """Show the throughput."""
        baseline = result.run.baseline
        heads = [
            "variant",
            "texts/s [95 %]",
            f"throughput ({baseline} = 1)",
            "requests",
            "failures",
            "batch flips",
            "cost of a million",
        ]
        return heads, [self._cells(row, baseline) for row in rows]

    def _cells(self, row: Summary, baseline: str) -> list[str]:
        ratio = "1" if row.name == baseline else text.ratio(row.ratio)
        counts = [f"{row.requests:,}", text.by_kind(row.failures), f"{row.batch_flips:,}"]
        return [row.name, text.rate(row.rate, row.rates, interval=True), ratio, *counts, text.cost(row.cost)]

    def sentence(self, best: Summary, baseline: Summary | None) -> str:
        """Say the throughput."""
        if best.rate is None:
            return ""
        faster = best.ratio is not None and best.ratio.low > 1 and baseline is not None and best.name != baseline.name
        times = f", {best.ratio.value:.1f} times {baseline.name}'s" if faster and best.ratio and baseline else ""
        return f"In large requests it classifies {best.rate:,.0f} texts a second{times}."


SCENARIO = Offline()
