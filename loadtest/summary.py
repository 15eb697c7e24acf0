"""A variant's figures out of result.json: what the table, the picture and the page have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.percentiles import PERCENTILES, merged, milliseconds
from loadtest.ratio import Ratio, speed_ratio
from loadtest.result import Result, total_failures

SINGLE_STREAM = "SingleStream"


@dataclass(frozen=True)
class Summary:
    """One variant under one scenario; times in milliseconds, None where the count cannot carry them."""

    name: str
    version: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    bytes: int
    answers: int
    times: dict[float, float | None]
    rate: float | None
    ratio: Ratio | None
    failures: dict[str, int]
    batch_flips: int


def summaries(result: Result, scenario: str = SINGLE_STREAM) -> list[Summary]:
    """Return the figures of every variant, in the order of the run."""
    baseline = result["variants"].get(result["run"]["baseline"], {})
    reference = _medians(_rounds(baseline, scenario))
    return [_summary(name, variant, scenario, reference) for name, variant in result["variants"].items()]


def warnings(result: Result) -> list[str]:
    """Return one sentence for each reason not to trust the run."""
    found = []
    if not result["run"]["complete"]:
        found.append(f"This run is incomplete: {result['run']['stopped']}.")
    if failed := total_failures(result):
        kinds = [f"{name}: {by_kind(variant['failures'])}" for name, variant in result["variants"].items() if variant["failures"]]
        found.append(f"This run has {failed:,} failed {'answer' if failed == 1 else 'answers'} ({'; '.join(kinds)}).")
    return found


def by_kind(failures: Mapping[str, int]) -> str:
    """Return failures as text, or 0."""
    return ", ".join(f"{count:,} {kind}" for kind, count in failures.items()) or "0"


def _summary(name: str, variant: dict[str, Any], scenario: str, reference: dict[int, float]) -> Summary:
    rounds = _rounds(variant, scenario)
    histogram = merged(one["histogram"] for one in rounds)
    seconds = sum(one["seconds"] for one in rounds)
    medians = _medians(rounds)
    paired = sorted(reference.keys() & medians.keys())
    card = variant["card"]
    return Summary(
        name=name,
        version=variant["version"],
        accuracy=card["accuracy"]["value"],
        accuracy_low=card["accuracy"]["low"],
        accuracy_high=card["accuracy"]["high"],
        bytes=card["bytes"],
        answers=histogram.get_total_count(),
        times={percentile: milliseconds(histogram, percentile) for percentile in PERCENTILES},
        rate=sum(one["right_texts"] for one in rounds) / seconds if seconds else None,
        ratio=speed_ratio([reference[number] for number in paired], [medians[number] for number in paired]),
        failures=variant["failures"],
        batch_flips=variant["batch_flips"],
    )


def _rounds(variant: dict[str, Any], scenario: str) -> list[dict[str, Any]]:
    rounds: list[dict[str, Any]] = variant.get("scenarios", {}).get(scenario, {}).get("rounds", [])
    return rounds


def _medians(rounds: list[dict[str, Any]]) -> dict[int, float]:
    found = {one["round"]: milliseconds(merged([one["histogram"]]), 50.0) for one in rounds}
    return {number: median for number, median in found.items() if median is not None}
