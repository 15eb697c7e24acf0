"""What every scenario has: how it is asked for, how it loads the service, which figures it gives, and how its table and
its sentence read.

A scenario is a subclass in a file of its own in this folder, with an instance called SCENARIO, by which the registry
finds it; it says what is different.
"""

from argparse import Namespace, _ActionsContainer
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal

from loadtest.numbers.intervals import Interval, over_rounds, speed_ratio
from loadtest.numbers.percentiles import BEYOND_IN_A_ROUND, PERCENTILES, mean, milliseconds
from loadtest.numbers.recording import merged
from loadtest.numbers.result import CONTROL, Conditions, Result, Round, Variant
from loadtest.scenarios.load import Bench
from loadtest.scenarios.plan import Plan, Turn, in_rounds
from loadtest.scenarios.summary import Search, Summary

Table = tuple[list[str], list[list[str]]]  # titles and cells


class Scenario:
    """One way to load a service."""

    name = ""
    order = 0  # among the scenarios, when measured and when shown
    title = ""  # of its table; without one it has none
    by_default = True  # measured unless others are named
    ranks = False  # by its times variants are ranked, and beside it the A/A control is measured; of one scenario only
    paired = False  # its rounds at two services are compared one by one
    repeated = False  # rounds in which the generator was slowed are measured again
    has_ratio = True  # its times are compared with the baseline's
    ceiling: Literal["single", "closed", "open"] | None = None  # which of the generator's own rates bounds it
    compared_by: tuple[
        tuple[str, float | None], ...
    ] = ()  # figures of two runs that are compared: what they are called, and the percentile or else the mean
    bounded: str = ""  # such a figure that is known by its bounds alone

    # How it is asked for

    def add_options(self, what: _ActionsContainer, how: _ActionsContainer) -> None:
        """Declare what it must be told, among the options of what is measured and how."""

    def wanted(self, options: Namespace) -> bool:
        """Say whether its own options ask for it."""
        return False

    def check(self, options: Namespace, variants: Sequence[str]) -> None:
        """Refuse options that it cannot be measured with."""

    def planned(self, options: Namespace) -> dict[str, Any]:
        """Return what result.json says of its options, among what it says of the run."""
        return {}

    def conditions(self, options: Namespace) -> dict[str, Any]:
        """Return the same where it is measured, among the conditions."""
        return {}

    def connections(self, options: Namespace) -> int:
        """Return how many connections it has open at most."""
        return 1

    # How it loads the service

    def turns(self, plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
        """Return its turns in order."""
        return in_rounds(
            self.name, plan, [*variants, CONTROL] if plan.control and self.ranks else variants, plan.rounds
        )

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure a turn into the result and return how many right answers it got; None when it was cut short."""
        raise NotImplementedError

    def expected(self, result: Result, name: str, variant: Variant) -> bool:
        """Say whether a variant must have answers."""
        return True

    # Which figures it gives

    def times(self, rounds: Sequence[Round], percentile: float | None = None) -> dict[int, float]:
        """Return by round the time in ms by which rounds are compared: a percentile, or else the mean."""
        histograms = {one.round: merged([one.histogram]) for one in rounds}
        found = {
            number: mean(one) if percentile is None else milliseconds(one, percentile, BEYOND_IN_A_ROUND)
            for number, one in histograms.items()
        }
        return {number: time for number, time in found.items() if time is not None}

    def rates(self, rounds: Sequence[Round]) -> list[float]:
        """Return the right texts a second of each round."""
        return [one.right_texts / one.seconds for one in rounds]

    def mean(self, rounds: Sequence[Round]) -> float | None:
        """Return the mean time of an answer over rounds, or else of all answers together."""
        over = over_rounds(list(self.times(rounds).values()))
        return over.value if over else mean(merged(one.histogram for one in rounds))

    def percentile(self, rounds: Sequence[Round], share: float) -> tuple[float | None, Interval | None]:
        """Return a percentile in ms: over rounds with its interval where each of them carries it, or else of all
        answers together.
        """
        times = self.times(rounds, share)
        over = over_rounds(list(times.values())) if len(times) == len(rounds) else None
        return (over.value, over) if over else (milliseconds(merged(one.histogram for one in rounds), share), None)

    def compared(
        self, baseline: Sequence[Round], rounds: Sequence[Round], percentile: float | None = None
    ) -> Interval | None:
        """Return how many times as fast as the baseline rounds are, each beside the baseline's of the same number."""
        reference, times = (self.times(those, percentile) for those in (baseline, rounds))
        paired = sorted(reference.keys() & times.keys())
        return speed_ratio([reference[number] for number in paired], [times[number] for number in paired])

    def search(self, variant: Variant, conditions: Conditions) -> Search | None:
        """Return what the search for the highest rate found."""
        return None

    def cost(self, rate: float | None, search: Search | None, conditions: Conditions) -> float | None:
        """Return what a million predictions cost."""
        return None

    def compared_conditions(self, result: Result) -> dict[str, Any]:
        """Return what two runs must have in common, beyond what all must, to be compared by its figures."""
        return {}

    def bounds(self, result: Result, name: str) -> Interval | None:
        """Return a variant's figure that is known by its bounds alone."""
        return None

    def summaries(self, result: Result) -> list[Summary]:
        """Return the figures of every variant, in the order of the run."""
        baseline = result.baseline(self.name)
        return [self._summary(name, variant, baseline, result.conditions) for name, variant in result.variants.items()]

    def doubts(self, result: Result) -> list[str]:
        """Return what makes its figures no base for a comparison, though all went well."""
        return []

    def cautions(self, result: Result) -> list[str]:
        """Return signs, of its own kind, that the generator is in its figures."""
        return []

    # How they read

    def table(self, result: Result, rows: Sequence[Summary]) -> Table:
        """Return titles and cells."""
        raise NotImplementedError

    def sentence(self, best: Summary, baseline: Summary | None) -> str:
        """Say what the recommended variant does here; nothing where it was not measured."""
        return ""

    def curve(self, rounds: Sequence[Round]) -> list[tuple[float, float]]:
        """Return points of rate and time in ms, where the scenario has a curve of latency against throughput."""
        return []

    def _summary(self, name: str, variant: Variant, baseline: Sequence[Round], conditions: Conditions) -> Summary:
        rounds = variant.rounds(self.name)
        rates = self.rates(rounds)
        together = over_rounds(rates)
        rate = together.value if together else fmean(rates) if rates else None
        percentiles = {share: self.percentile(rounds, share) for share in PERCENTILES}
        search = self.search(variant, conditions)
        card, gate = variant.card, variant.card.gate
        return Summary(
            name=name,
            version=variant.version,
            accuracy=card.accuracy.value,
            accuracy_low=card.accuracy.low,
            accuracy_high=card.accuracy.high,
            verdict=gate.verdict if gate else None,
            withheld=gate.withheld if gate else None,
            bytes=card.bytes,
            requests=sum(one.requests for one in rounds),
            answers=merged(one.histogram for one in rounds).get_total_count(),
            mean=self.mean(rounds),
            times={share: time for share, (time, _) in percentiles.items()},
            intervals={share: over for share, (_, over) in percentiles.items()},
            rate=rate,
            rates=together,
            ratio=self.compared(baseline, rounds) if self.has_ratio else None,
            search=search,
            cost=self.cost(rate, search, conditions),
            failures=sum((Counter(one.failures) for one in rounds), Counter()),
            batch_flips=sum(one.batch_flips for one in rounds),
        )
