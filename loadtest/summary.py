"""A variant's figures out of result.json: what the tables, the pictures and the page have in common."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from loadtest.cost import per_million
from loadtest.percentiles import BEYOND_IN_A_ROUND, PERCENTILES, mean, milliseconds
from loadtest.ratio import speed_ratio
from loadtest.recording import merged
from loadtest.result import Result, everyone, total_failures
from loadtest.rounds import Interval, over_rounds
from loadtest.settle import kept

SINGLE_STREAM, SERVER, OFFLINE, RAMP, MIX = "SingleStream", "Server", "Offline", "Ramp", "Mix"

ACHIEVED_SHARE = 0.98  # of the requests that Server's rounds offered
CONTROL_WITHIN = 0.1  # a control whose interval reaches further from 1 could hide a difference of that size


@dataclass(frozen=True)
class Search:
    """The highest rate that the search passed, the lowest that was too much, and whether the rounds, at `rate`, kept to the limit (None: undecided).

    `p99_alone_ms` is there where one request after another is above the limit already.
    """

    passed: float
    failed: float | None
    rate: float
    limit_ms: float
    confirmed: bool | None
    given_up: list[float]
    p99_alone_ms: float | None

    @property
    def promised(self) -> float | None:
        """Return the rate that the rounds confirmed."""
        return self.rate if self.confirmed else None


@dataclass(frozen=True)
class Summary:
    """One variant under one scenario; times in milliseconds, None where the count cannot carry them, each with its 95 % interval over rounds.

    A percentile is the mean of the rounds' own; it is that of all answers together, and has no interval, where a round alone cannot carry it.
    """

    name: str
    version: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    verdict: str | None
    withheld: str | None
    bytes: int
    requests: int
    answers: int
    mean: float | None
    times: dict[float, float | None]
    intervals: dict[float, Interval | None]
    rate: float | None
    rates: Interval | None
    ratio: Interval | None
    search: Search | None
    cost: float | None
    failures: dict[str, int]
    batch_flips: int


def summaries(result: Result, scenario: str = SINGLE_STREAM) -> list[Summary]:
    """Return the figures of every variant, in the order of the run."""
    baseline = rounds_of(result["variants"].get(result["run"]["baseline"], {}), scenario)
    return [_summary(name, variant, scenario, baseline, result["conditions"]) for name, variant in result["variants"].items()]


def measured(result: Result, scenario: str) -> bool:
    """Say whether a run has anything of a scenario."""
    return any(rounds_of(variant, scenario) for variant in result["variants"].values())


def control(result: Result) -> Interval | None:
    """Return the baseline's speed against itself, measured in turns like a variant of its own."""
    rounds = result["run"].get("control", {}).get("rounds", [])
    baseline = rounds_of(result["variants"].get(result["run"]["baseline"], {}), SINGLE_STREAM)
    return compared(baseline, rounds, SINGLE_STREAM)


def warnings(result: Result) -> list[str]:
    """Return one sentence for each reason not to compare variants by this run."""
    return faults(result) + doubts(result)


def faults(result: Result) -> list[str]:
    """Return what makes a run fail: something was not measured, or not answered rightly."""
    found = []
    if not result["run"]["complete"]:
        found.append(f"This run is incomplete: {result['run']['stopped']}.")
    if failed := total_failures(result):
        kinds = [f"{name}: {by_kind(variant['failures'])}" for name, variant in everyone(result).items() if variant["failures"]]
        found.append(f"This run has {failed:,} failed {'answer' if failed == 1 else 'answers'} ({'; '.join(kinds)}).")
    if result["run"]["complete"] and (silent := _silent(result)):
        found.append(f"This run has no answer at all of {', '.join(silent)}.")
    return found


def doubts(result: Result) -> list[str]:
    """Return what makes a run that went well no base for a comparison."""
    return _of_control(result) + _of_rates(result)


def _of_control(result: Result) -> list[str]:
    run, again = result["run"], control(result)
    if again is not None and not is_narrow(again):
        against = f"{run['baseline']} against itself came out as {again.value:.3f} [{again.low:.3f}, {again.high:.3f}]"
        wanted = f"which should contain 1 and lie within {1 - CONTROL_WITHIN:g} to {1 + CONTROL_WITHIN:g}"
        return [f"This run proves nothing: {against}, {wanted}; more --rounds or --seconds, or a quieter machine, make it narrower."]
    if again is None and run["complete"] and "control" in run and SINGLE_STREAM in run["scenarios"]:
        return ["This run proves nothing: its A/A control has too few rounds or answers for an interval."]
    return []


def _of_rates(result: Result) -> list[str]:
    missed = []
    for name, variant in result["variants"].items():
        rounds = [one for one in rounds_of(variant, SERVER) if "achieved" in one]
        offered, achieved = (sum(one[key] for one in rounds) for key in ("offered", "achieved"))
        if achieved < ACHIEVED_SHARE * offered:
            missed.append(f"{name} {achieved / offered:.1%}")
    return [f"Server's rates were not achieved, of what was offered: {', '.join(missed)}."] if missed else []


def _silent(result: Result) -> list[str]:
    return [
        f"{name} in {scenario}"
        for scenario in result["run"]["scenarios"]
        for name, variant in everyone(result).items()
        if _expected(result, name, variant, scenario) and not any(one["requests"] for one in rounds_of(variant, scenario))
    ]


def _expected(result: Result, name: str, variant: dict[str, Any], scenario: str) -> bool:
    if scenario == MIX:
        return name in result["run"]["mix"]
    # Where the search found that no rate is sustained, that is the result, and there is nothing to measure.
    return scenario not in (SERVER, RAMP) or variant["scenarios"].get(SERVER, {}).get("passed") != 0


def by_kind(failures: Mapping[str, int]) -> str:
    """Return failures as text, or 0."""
    return ", ".join(f"{count:,} {kind}" for kind, count in failures.items()) or "0"


def rounds_of(variant: dict[str, Any], scenario: str) -> list[dict[str, Any]]:
    """Return a variant's measurements under a scenario."""
    rounds: list[dict[str, Any]] = variant.get("scenarios", {}).get(scenario, {}).get("rounds", [])
    return rounds


def is_narrow(control: Interval) -> bool:
    """Say whether an A/A interval shows that equal things come out as equal: it contains 1, and nothing far from 1."""
    return 1 - CONTROL_WITHIN <= control.low <= 1 <= control.high <= 1 + CONTROL_WITHIN


def per_round(rounds: list[dict[str, Any]], scenario: str, share: float | None = None) -> dict[int, float]:
    """Return the time in ms by which rounds are compared: a percentile, or else the mean, which Offline has for a text."""
    if scenario == OFFLINE:
        return {one["round"]: 1000 / one["texts_per_second"] for one in rounds if one["texts_per_second"]}
    histograms = {one["round"]: merged([one["histogram"]]) for one in rounds}
    found = {number: mean(one) if share is None else milliseconds(one, share, BEYOND_IN_A_ROUND) for number, one in histograms.items()}
    return {number: time for number, time in found.items() if time is not None}


def percentile(rounds: list[dict[str, Any]], scenario: str, share: float) -> tuple[float | None, Interval | None]:
    """Return a percentile in ms: over rounds with its interval where each of them carries it, or else of all answers together."""
    times = per_round(rounds, scenario, share)
    over = over_rounds(list(times.values())) if len(times) == len(rounds) and scenario != OFFLINE else None
    return (over.value, over) if over else (milliseconds(merged(one["histogram"] for one in rounds), share), None)


def compared(baseline: list[dict[str, Any]], rounds: list[dict[str, Any]], scenario: str, share: float | None = None) -> Interval | None:
    """Return how many times as fast as the baseline rounds are, each beside the baseline's of the same number."""
    reference, times = (per_round(those, scenario, share) for those in (baseline, rounds))
    paired = sorted(reference.keys() & times.keys())
    return speed_ratio([reference[number] for number in paired], [times[number] for number in paired])


def _summary(name: str, variant: dict[str, Any], scenario: str, baseline: list[dict[str, Any]], conditions: dict[str, Any]) -> Summary:
    rounds = rounds_of(variant, scenario)
    histogram = merged(one["histogram"] for one in rounds)
    rates = _rates(rounds, scenario)
    together = over_rounds(rates)
    rate = together.value if together else fmean(rates) if rates else None
    means = over_rounds(list(per_round(rounds, scenario).values())) if scenario != OFFLINE else None
    percentiles = {share: percentile(rounds, scenario, share) for share in PERCENTILES}
    search = _search(variant["scenarios"].get(SERVER, {}), rounds, conditions) if scenario == SERVER else None
    card = variant["card"]
    gate = card.get("gate") or {}
    return Summary(
        name=name,
        version=variant["version"],
        accuracy=card["accuracy"]["value"],
        accuracy_low=card["accuracy"]["low"],
        accuracy_high=card["accuracy"]["high"],
        verdict=gate.get("verdict"),
        withheld=gate.get("withheld"),
        bytes=card["bytes"],
        requests=sum(one["requests"] for one in rounds),
        answers=histogram.get_total_count(),
        mean=means.value if means else mean(histogram),
        times={share: time for share, (time, _) in percentiles.items()},
        intervals={share: over for share, (_, over) in percentiles.items()},
        rate=rate,
        rates=together,
        ratio=None if scenario in (SERVER, MIX) else compared(baseline, rounds, scenario),
        search=search,
        cost=per_million(conditions, rate) if scenario == OFFLINE or (search and search.confirmed) else None,
        failures=sum((Counter(one["failures"]) for one in rounds), Counter()),
        batch_flips=sum(one["batch_flips"] for one in rounds),
    )


def _rates(rounds: list[dict[str, Any]], scenario: str) -> list[float]:
    """Return the right texts a second of each round."""
    if scenario == OFFLINE:
        return [one["texts_per_second"] for one in rounds if one["texts_per_second"]]
    return [one["right_texts"] / one["seconds"] for one in rounds]


def _search(server: dict[str, Any], rounds: list[dict[str, Any]], conditions: dict[str, Any]) -> Search | None:
    if "rate" not in server:
        return None
    limit = conditions["limit_ms"]
    given_up = [each["rate"] for each in server.get("given_up", [])]
    return Search(server["passed"], server["failed"], server["rate"], limit, kept(rounds, limit), given_up, server.get("p99_alone_ms"))
