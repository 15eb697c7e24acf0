"""A variant's figures out of result.json: what the tables, the pictures and the page have in common."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.cost import per_million
from loadtest.percentiles import PERCENTILES, interval, milliseconds
from loadtest.ratio import Ratio, speed_ratio
from loadtest.recording import merged
from loadtest.result import Result, total_failures

SINGLE_STREAM, SERVER, OFFLINE, RAMP, MIX = "SingleStream", "Server", "Offline", "Ramp", "Mix"

ACHIEVED_SHARE = 0.98  # of the requests that Server's rounds offered


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
    """One variant under one scenario; times in milliseconds, None where the count cannot carry them, each with its 95 % interval."""

    name: str
    version: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    bytes: int
    requests: int
    answers: int
    times: dict[float, float | None]
    intervals: dict[float, tuple[float, float] | None]
    rate: float | None
    ratio: Ratio | None
    search: Search | None
    cost: float | None
    failures: dict[str, int]
    batch_flips: int


def summaries(result: Result, scenario: str = SINGLE_STREAM) -> list[Summary]:
    """Return the figures of every variant, in the order of the run."""
    baseline = result["variants"].get(result["run"]["baseline"], {})
    reference = per_round(rounds_of(baseline, scenario), scenario)
    return [_summary(name, variant, scenario, reference, result["conditions"]) for name, variant in result["variants"].items()]


def measured(result: Result, scenario: str) -> bool:
    """Say whether a run has anything of a scenario."""
    return any(rounds_of(variant, scenario) for variant in result["variants"].values())


def control(result: Result) -> Ratio | None:
    """Return the baseline's speed against itself, measured in turns like a variant of its own."""
    rounds = result["run"].get("control", {}).get("rounds", [])
    baseline = rounds_of(result["variants"].get(result["run"]["baseline"], {}), SINGLE_STREAM)
    return _paired(per_round(baseline, SINGLE_STREAM), per_round(rounds, SINGLE_STREAM))


def warnings(result: Result) -> list[str]:
    """Return one sentence for each reason not to compare variants by this run."""
    return faults(result) + doubts(result)


def faults(result: Result) -> list[str]:
    """Return what makes a run fail: something was not measured, or not answered rightly."""
    found = []
    if not result["run"]["complete"]:
        found.append(f"This run is incomplete: {result['run']['stopped']}.")
    if failed := total_failures(result):
        kinds = [f"{name}: {by_kind(variant['failures'])}" for name, variant in result["variants"].items() if variant["failures"]]
        found.append(f"This run has {failed:,} failed {'answer' if failed == 1 else 'answers'} ({'; '.join(kinds)}).")
    if result["run"]["complete"] and (silent := _silent(result)):
        found.append(f"This run has no answer at all of {', '.join(silent)}.")
    return found


def doubts(result: Result) -> list[str]:
    """Return what makes a run that went well no base for a comparison."""
    return _of_control(result) + _of_rates(result)


def _of_control(result: Result) -> list[str]:
    run, again = result["run"], control(result)
    if again is not None and not again.low <= 1 <= again.high:
        against = f"{run['baseline']} against itself came out as {again.value:.3f} [{again.low:.3f}, {again.high:.3f}]"
        return [f"This run proves nothing: {against}, which should contain 1."]
    if again is None and run["complete"] and "control" in run and SINGLE_STREAM in run["scenarios"]:
        return ["This run proves nothing: its A/A control has too few answers."]
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
        for name, variant in result["variants"].items()
        if _expected(result, name, scenario) and not any(one["requests"] for one in rounds_of(variant, scenario))
    ]


def _expected(result: Result, name: str, scenario: str) -> bool:
    if scenario == MIX:
        return name in result["run"]["mix"]
    # Where the search found that no rate is sustained, that is the result, and there is nothing to measure.
    return scenario not in (SERVER, RAMP) or result["variants"][name]["scenarios"].get(SERVER, {}).get("passed") != 0


def by_kind(failures: Mapping[str, int]) -> str:
    """Return failures as text, or 0."""
    return ", ".join(f"{count:,} {kind}" for kind, count in failures.items()) or "0"


def rounds_of(variant: dict[str, Any], scenario: str) -> list[dict[str, Any]]:
    """Return a variant's measurements under a scenario."""
    rounds: list[dict[str, Any]] = variant.get("scenarios", {}).get(scenario, {}).get("rounds", [])
    return rounds


def per_round(rounds: list[dict[str, Any]], scenario: str, percentile: float = 50.0) -> dict[int, float]:
    """Return the time by which rounds are compared: Offline the mean for a text, elsewhere a percentile."""
    if scenario == OFFLINE:
        return {one["round"]: 1000 / one["texts_per_second"] for one in rounds if one["texts_per_second"]}
    found = {one["round"]: milliseconds(merged([one["histogram"]]), percentile) for one in rounds}
    return {number: time for number, time in found.items() if time is not None}


def _summary(name: str, variant: dict[str, Any], scenario: str, reference: dict[int, float], conditions: dict[str, Any]) -> Summary:
    rounds = rounds_of(variant, scenario)
    histogram = merged(one["histogram"] for one in rounds)
    seconds = sum(one["seconds"] for one in rounds)
    times = per_round(rounds, scenario)
    rate = sum(one["right_texts"] for one in rounds) / seconds if seconds else None
    if scenario == OFFLINE:
        rate = len(times) * 1000 / sum(times.values()) if times else None
    intervals = {percentile: interval(histogram, percentile) for percentile in PERCENTILES}
    search = _search(variant["scenarios"].get(SERVER, {}), intervals[99.0]) if scenario == SERVER else None
    card = variant["card"]
    return Summary(
        name=name,
        version=variant["version"],
        accuracy=card["accuracy"]["value"],
        accuracy_low=card["accuracy"]["low"],
        accuracy_high=card["accuracy"]["high"],
        bytes=card["bytes"],
        requests=sum(one["requests"] for one in rounds),
        answers=histogram.get_total_count(),
        times={percentile: milliseconds(histogram, percentile) for percentile in PERCENTILES},
        intervals=intervals,
        rate=rate,
        ratio=None if scenario in (SERVER, MIX) else _paired(reference, times),
        search=search,
        cost=per_million(conditions, rate) if scenario == OFFLINE or (search and search.confirmed) else None,
        failures=sum((Counter(one["failures"]) for one in rounds), Counter()),
        batch_flips=sum(one["batch_flips"] for one in rounds),
    )


def _search(server: dict[str, Any], p99: tuple[float, float] | None) -> Search | None:
    if "rate" not in server:
        return None
    limit = server["limit_ms"]
    confirmed = None if p99 is None or p99[0] <= limit < p99[1] else p99[1] <= limit
    given_up = [each["rate"] for each in server.get("given_up", [])]
    return Search(server["passed"], server["failed"], server["rate"], limit, confirmed, given_up, server.get("p99_alone_ms"))


def _paired(reference: dict[int, float], times: dict[int, float]) -> Ratio | None:
    paired = sorted(reference.keys() & times.keys())
    return speed_ratio([reference[number] for number in paired], [times[number] for number in paired])
