"""Does the comparison find a difference where there is none? A variant is compared with itself, many times over."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.figures.doubts import CONTROL_WITHIN
from loadtest.measurement.bench import Bench
from loadtest.numbers.intervals import Interval
from loadtest.numbers.result import Round
from loadtest.numbers.text import by_kind
from loadtest.scenarios.load import Load
from loadtest.scenarios.plan import rotated
from loadtest.scenarios.registry import RANKING

Rounds = dict[str, list[Round]]

NAMES = ("one", "other")
CONTAIN_SHARE = 17 / 20  # of the runs at least


def again(bench: Bench, variant: str, version: str, load: Load, rounds: int, seed: str) -> Rounds | None:
    """Compare a variant with itself once, as a run compares two; None when interrupted."""
    kept: Rounds = {name: [] for name in NAMES}
    for number, order in enumerate(rotated(NAMES, rounds), 1):
        for name in order:
            measured = bench.measure({variant: 1.0}, {variant: version}, load, f"{seed}.{number}")
            if measured is None:
                return None
            if failures := measured[variant].failures:
                raise LoadTestError(
                    f"'{variant}' did not answer rightly ({by_kind(failures)}); check the service and the corpus"
                )
            kept[name].append(Round(round=number, **measured[variant].model_dump()))
    if _ratio(kept) is None:
        raise LoadTestError(f"too few answers of '{variant}' for an interval; give --seconds more or check the service")
    return kept


def markdown(kept: Mapping[str, Any]) -> str:
    """Return what the runs gave, from their rounds, as a table."""
    runs = [
        {name: [Round.model_validate(one) for one in run["rounds"][name]] for name in NAMES} for run in kept["runs"]
    ]
    found = verdict(runs)
    lines = [f"| A/A runs of {kept['variant']} | intervals that contain 1.00 | median half-width |", "|---:|---:|---:|"]
    return "\n".join([*lines, f"| {found['of']} | {found['contain_1']} | ±{found['median_half_width']:.1%} |"]) + "\n"


def verdict(runs: Sequence[Rounds]) -> dict[str, Any]:
    """Return how many of the runs' intervals contain 1, how wide they are, and whether that is good enough."""
    ratios = [ratio for run in runs if (ratio := _ratio(run))]
    contain = sum(ratio.low <= 1 <= ratio.high for ratio in ratios)
    half_width = median((ratio.high - ratio.low) / 2 for ratio in ratios)
    holds = contain >= CONTAIN_SHARE * len(runs) and half_width <= CONTROL_WITHIN
    return {"contain_1": contain, "of": len(runs), "median_half_width": round(half_width, 5), "holds": holds}


def _ratio(rounds: Rounds) -> Interval | None:
    one, other = (rounds[name] for name in NAMES)
    return RANKING.compared(one, other)
