"""Server, as MLPerf names it: Poisson arrivals, and the figure is the highest rate whose p99 stays under the limit.

Before its rounds it settles the limit and searches the rate; the rounds then confirm it, or give it up for a lower one.
"""

from argparse import Namespace, _ActionsContainer
from collections.abc import Sequence
from math import inf
from typing import Any

from loadtest.ask.answer import DROPPED
from loadtest.ask.arrivals import MOST_CONNECTIONS
from loadtest.ask.options import milliseconds
from loadtest.errors import LoadTestError
from loadtest.numbers import text
from loadtest.numbers.cost import per_million
from loadtest.numbers.intervals import Interval
from loadtest.numbers.lateness import late_share, sent_late
from loadtest.numbers.result import Conditions, Measured, Result, Trial, Variant
from loadtest.numbers.slowed import is_slowed
from loadtest.scenarios.load import Bench, Load
from loadtest.scenarios.measuring import OVERLOAD, count, keep, measured, seed
from loadtest.scenarios.plan import Plan, Turn
from loadtest.scenarios.scenario import Scenario, Table
from loadtest.scenarios.single_stream import SCENARIO as SINGLE_STREAM
from loadtest.scenarios.summary import Search, Summary
from loadtest.search.confirmation import CONFIRMED_SHARE, confirmed, give_up, too_slow_alone
from loadtest.search.default_limit import PATIENCE_S, TIMES, default_limit, given_limit
from loadtest.search.highest_rate import LOWEST, highest_rate
from loadtest.search.trial import CLEAR_OVERLOAD, Answer, judged, length, lowest, sustained

LIMIT, SEARCH = "limit", "search"  # its steps before its rounds
FIRST_GUESS = 0.7  # of what one connection reached in SingleStream
ROUND_ANSWERS, LONGEST_ROUND = 600, 4  # of each round, whose p99 needs 500; times --seconds
ACHIEVED_SHARE = 0.98  # of the requests that its rounds offered
CONFIRMED = {True: "✓", False: "✗ not kept", None: "? undecided"}


class Server(Scenario):
    """An open loop at the highest rate that the service sustains."""

    name = "Server"
    order = 2
    title = "Server: Poisson arrivals, the highest rate whose p99 stays under the limit"
    repeated = True
    has_ratio = False
    ceiling = "open"
    bounded = "rate"

    def add_options(self, what: _ActionsContainer, how: _ActionsContainer) -> None:
        """Declare the limit."""
        default = f"Server's limit in ms (default: {TIMES} times the baseline's p99 of {SINGLE_STREAM.name}, rounded)"
        how.add_argument("--p99-limit", type=milliseconds, metavar="MS", default=None, help=default)

    def conditions(self, options: Namespace) -> dict[str, Any]:
        """Return the limit where it was given."""
        return {} if options.p99_limit is None else given_limit(options.p99_limit)

    def connections(self, options: Namespace) -> int:
        """Return those of an open loop."""
        return MOST_CONNECTIONS

    def turns(self, plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
        """Settle the limit, then search every variant's rate, then measure its rounds."""
        before = [Turn(self.name, 0, 1, baseline, step=LIMIT)] if plan.options.p99_limit is None else []
        before += [Turn(self.name, 0, place, name, step=SEARCH) for place, name in enumerate(variants, 1)]
        return before + super().turns(plan, variants, baseline)

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Take one step, or one round."""
        step = {LIMIT: self._settle_limit, SEARCH: self._find_rate}.get(turn.step, self._measure_round)
        return step(turn, bench, plan, result)

    def rate(self, variant: Variant) -> float:
        """Return the rate that was settled for; 0 where none was found."""
        return self._kept(variant).rate or 0.0

    def expected(self, result: Result, name: str, variant: Variant) -> bool:
        """Say whether there is a rate: where the search found that none is sustained, that is the result, and there is
        nothing to measure.
        """
        return self._kept(variant).passed != 0

    def search(self, variant: Variant, conditions: Conditions) -> Search | None:
        """Return what the search found and the rounds made of it."""
        server, limit = self._kept(variant), conditions.limit_ms
        if server.rate is None or server.passed is None or limit is None:
            return None
        given_up = [each.rate for each in server.given_up]
        return Search(
            server.passed,
            server.failed,
            server.rate,
            limit,
            confirmed(server.rounds, limit),
            given_up,
            server.p99_alone_ms,
        )

    def cost(self, rate: float | None, search: Search | None, conditions: Conditions) -> float | None:
        """Return the cost at the rate that the rounds confirmed."""
        return per_million(conditions, rate) if search and search.confirmed else None

    def compared_conditions(self, result: Result) -> dict[str, Any]:
        """Return the limit."""
        return {"limit in ms": result.conditions.limit_ms}

    def bounds(self, result: Result, name: str) -> Interval | None:
        """Return the rate that was tried last, between what the rounds confirmed (0 where they left it undecided) and
        what was too much (or infinity).
        """
        variant, limit = result.variants.get(name), result.conditions.limit_ms
        if variant is None or limit is None or (rate := self._kept(variant).rate) is None:
            return None
        server = self._kept(variant)
        kept = confirmed(server.rounds, limit)
        too_much = [each.rate for each in server.given_up if each.share_above_limit > CLEAR_OVERLOAD]
        too_much += [rate] if rate and kept is False else []
        return Interval(rate, rate if kept else 0.0, min(server.failed or inf, *too_much, inf))

    def doubts(self, result: Result) -> list[str]:
        """Name the variants whose rates were offered and not achieved."""
        missed = []
        for name, variant in result.variants.items():
            rounds = [
                (one.offered or 0.0, one.achieved) for one in variant.rounds(self.name) if one.achieved is not None
            ]
            offered, achieved = (sum(those) for those in zip(*rounds, strict=True)) if rounds else (0.0, 0.0)
            if achieved < ACHIEVED_SHARE * offered:
                missed.append(f"{name} {achieved / offered:.1%}")
        return [f"Server's rates were not achieved, of what was offered: {', '.join(missed)}."] if missed else []

    def cautions(self, result: Result) -> list[str]:
        """Name the variants whose highest rate may be the generator's: it was late at the rate that passed, or at the
        lowest that failed.
        """
        bound = []
        for name, variant in result.variants.items():
            server = self._kept(variant)
            ends = [
                trial
                for trial in server.search
                if trial.rate is not None and round(trial.rate, 3) in (server.passed, server.failed)
            ]
            if any(trial.generator_bound for trial in ends):
                bound.append(name)
        return (
            [f"The rate that was found is bound by the generator, which sent late: {', '.join(bound)}."]
            if bound
            else []
        )

    def table(self, result: Result, rows: Sequence[Summary]) -> Table:
        """Show the rate, how it was found, and the times at it."""
        baseline = result.run.baseline
        reference = next((row.search.promised for row in rows if row.name == baseline and row.search), None)
        rates = [
            f"rate/s, p99 ≤ {result.limit_ms():.4g} ms",
            f"rate ({baseline} = 1)",
            "search passed",
            "too much at",
            "rounds at",
        ]
        heads = [
            "variant",
            *rates,
            "p50 ms",
            "p99 ms [95 %]",
            "right in time/s",
            "answers",
            "failures",
            "sent late",
            "cost of a million",
        ]
        return heads, [
            self._cells(row, reference, late_share(result.variants[row.name].rounds(self.name))) for row in rows
        ]

    def sentence(self, best: Summary, baseline: Summary | None) -> str:
        """Say the rate that can be promised, or why none can."""
        search, other = best.search, baseline.search if baseline else None
        if search is None or not search.passed:
            return ""
        if not search.confirmed:
            why = (
                "left it undecided" if search.confirmed is None else "that should confirm it did not keep to the limit"
            )
            return (
                f"No rate can be promised for it: the search found {search.passed:,.0f} requests a second, but the "
                f"rounds {why}."
            )
        than = (
            f", and {baseline.name} {other.rate:,.0f}"
            if baseline and other and other.confirmed and best.name != baseline.name
            else ""
        )
        costs = (
            f"; at that load a million predictions cost {best.cost:.2g}, at the price given for a core-hour"
            if best.cost
            else ""
        )
        return (
            f"It takes {search.rate:,.0f} requests a second while 99 % of the answers come within "
            f"{search.limit_ms:.4g} ms{than}{costs}."
        )

    def _kept(self, variant: Variant) -> Measured:
        return variant.scenarios.get(self.name) or Measured()

    def _settle_limit(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Take the limit from the baseline's rounds of SingleStream, and from more of them where those have too few
        answers.
        """
        variant = result.variants[turn.variant]
        stream = variant.rounds(SINGLE_STREAM.name)
        while (
            limit := default_limit(turn.variant, SINGLE_STREAM.percentile([*stream, *result.run.limit_rounds], 99.0)[0])
        ) is None:
            if sum(one.seconds for one in result.run.limit_rounds) >= PATIENCE_S:
                raise LoadTestError(
                    f"{turn.variant} is too slow for a p99 within {PATIENCE_S:g} s, so there is no default limit; "
                    "give one in ms with --p99-limit"
                )
            load = Load(plan.warm_up, plan.seconds, timeout=plan.timeout)
            one = measured(turn, bench, result, load, f"{plan.seed}.limit.{len(result.run.limit_rounds)}")
            if one is None:
                return None
            count(variant, one, ())
            result.run.limit_rounds.append(one)
        result.conditions.limit_ms, result.conditions.limit_from = limit
        return 1

    def _find_rate(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Look for the highest rate; what fails because it was too much is no failure of the variant."""
        variant, limit, answers = result.variants[turn.variant], result.limit_ms(), 0
        server = variant.scenarios[self.name]

        def trial(rate: float, attempt: int) -> Answer | None:
            nonlocal answers
            load = open_loop(rate, length(rate, plan.seconds), plan)
            one = measured(turn, bench, result, load, f"{plan.seed}.search.{rate:.3f}.{attempt}")
            if one is None or (DROPPED in one.failures and not bench.alive()):
                return None
            answers += one.right
            found = judged(one, limit)
            said = {
                "share_above_limit": round(found.share_above, 5),
                "passed": found.passed,
                "generator_bound": sent_late([one]),
            }
            server.search.append(Trial(**one.model_dump(exclude={"round", "place", "repeats"}), **said))
            count(variant, one, OVERLOAD)
            return found

        stream = variant.rounds(SINGLE_STREAM.name)
        if (alone := too_slow_alone(stream, limit)) is not None:
            server.passed, server.failed, server.rate, server.p99_alone_ms = 0.0, LOWEST, 0.0, round(alone, 3)
            return 1
        guess = FIRST_GUESS * sum(one.right for one in stream) / sum(one.seconds for one in stream) if stream else 100.0
        found = highest_rate(guess or 1.0, lambda rate: sustained(rate, trial), lowest(plan.seconds))
        if found is None:
            return None
        server.passed, server.failed = round(found.passed, 3), found.failed and round(found.failed, 3)
        server.rate = round(CONFIRMED_SHARE * found.passed, 3)
        return answers

    def _measure_round(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure at the rate that was found, or at the lower one that earlier rounds settled for; where none was found
        there is nothing to measure.
        """
        variant, left = result.variants[turn.variant], plan.rounds - turn.round
        server = variant.scenarios[self.name]
        if not (rate := self.rate(variant)):
            return 1
        seconds = min(max(plan.seconds, ROUND_ANSWERS / rate), LONGEST_ROUND * plan.seconds)
        one = measured(turn, bench, result, open_loop(rate, seconds, plan), seed(plan, turn))
        if one is None:
            return None
        # A round in which the generator was slowed says nothing against the rate, and is measured again.
        calm = not turn.again and not is_slowed(one, [*server.rounds, one])
        if calm and give_up(server, one, result.limit_ms(), left):
            count(variant, one, OVERLOAD)
            return one.right
        return keep(result, turn, one)

    def _cells(self, row: Summary, reference: float | None, late: float) -> list[str]:
        search = row.search
        if search is None:
            return [row.name, *[text.NONE] * 12]
        if not search.passed:
            why = f"none: alone its p99 is {text.milliseconds(search.p99_alone_ms)} ms" if search.p99_alone_ms else "0"
            return [row.name, text.NONE, text.NONE, why, text.rate(search.failed), *[text.NONE] * 8]
        return [
            row.name,
            text.rate(search.promised),
            f"{search.promised / reference:.2f}" if search.promised and reference else text.NONE,
            text.rate(search.passed),
            text.rate(search.failed),
            "".join(f"{text.rate(rate)} ✗ given up, " for rate in search.given_up)
            + f"{text.rate(search.rate)} {CONFIRMED[search.confirmed]}",
            text.milliseconds(row.times[50.0]),
            text.milliseconds(row.times[99.0], row.intervals[99.0], interval=True),
            text.rate(row.rate),
            f"{row.answers:,}",
            text.by_kind(row.failures),
            f"{late:.2%}",
            text.cost(row.cost),
        ]


def open_loop(rate: float, seconds: float, plan: Plan) -> Load:
    """Return Poisson arrivals at a rate."""
    return Load(min(plan.warm_up, 0.5), seconds, rate=rate, timeout=plan.timeout)


SCENARIO = Server()
