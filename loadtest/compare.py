"""Were a variant's figures slower in another run? `python -m loadtest.compare OLD NEW` exits 1 when they were, by more than the rounds' spread and 3 % explain.

Rounds of one run are no replicates of runs: what differs from run to run, from the machine's temperature to a restart of the service, is in no interval here.
Whether a *service* became slower is for `python -m loadtest.run --host NEW --against OLD` to say, which measures both in turns.

Server's rate is known as what the rounds confirmed and what was clearly too much: it was slower when what is too much now lies below what was confirmed before.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from loadtest.cost import server_cores
from loadtest.errors import LoadTestError
from loadtest.rates import rate_change
from loadtest.ratio import unpaired_ratio
from loadtest.result import Result, read_result
from loadtest.rounds import Interval
from loadtest.summary import OFFLINE, SERVER, SINGLE_STREAM, per_round, rounds_of, warnings

SIGNIFICANT = 0.05
TOLERANCE = 0.03  # the rounds of one run agree better than two runs do: their spread alone would call a warmer machine a slower variant
CONDITIONS: dict[str, Callable[[Result], Any]] = {
    "cpu": lambda run: run["conditions"]["machine"]["cpu"],
    "texts": lambda run: run["conditions"]["corpus"]["sha256"][:12],
    "Offline requests": lambda run: run["run"].get("offline"),
    "pinning": lambda run: run["conditions"].get("generator", {}).get("pinned"),
    "server's cores": lambda run: server_cores(run["conditions"]),
    "bursts": lambda run: run["conditions"].get("bursts") or "none",
    "limit in ms": lambda run: run["conditions"].get("limit_ms"),
    "timeout in seconds": lambda run: run["conditions"]["timeout_seconds"],
    "seconds of a round": lambda run: run["run"]["seconds"],
    "seconds of warm-up": lambda run: run["run"]["warm_up"],
    "generator processes": lambda run: run["conditions"].get("generator", {}).get("processes"),
}
FIGURES: tuple[tuple[str, str, float | None], ...] = ((SINGLE_STREAM, "mean", None), (SINGLE_STREAM, "p95", 95.0), (OFFLINE, "time a text", None))
COVERED = (
    "The intervals cover the spread of rounds within these two runs, not what differs from one run to the next; "
    "'slower' is said of these runs. To compare the services: `python -m loadtest.run --host NEW --against OLD`."
)


@dataclass(frozen=True)
class Change:
    """One figure of one variant: how many times as fast it is in the new run, and how likely chance alone would do that (None: the ratio's bounds are sure)."""

    variant: str
    scenario: str
    figure: str
    ratio: Interval
    p: float | None

    tolerance: float = TOLERANCE

    @property
    def verdict(self) -> str:
        """Say what the figure did."""
        slowest, fastest = (self.ratio.low, self.ratio.high) if self.p is None else (self.ratio.value, self.ratio.value)
        if self.p is not None and self.p >= SIGNIFICANT:
            return "same"
        if fastest < 1 - self.tolerance:
            return "slower"
        if slowest > 1 / (1 - self.tolerance):
            return "faster"
        return "undecided" if self.p is None and (slowest == 0 or fastest == inf) else "same"


def compare(old: Result, new: Result, *, relative: bool = False, tolerance: float = TOLERANCE) -> list[Change]:
    """Return what changed of the variants that both runs have; `relative` holds each beside its run's baseline, which takes out a slower machine."""
    changes = []
    for name in (name for name in old["variants"] if name in new["variants"]):
        if relative and name == old["run"]["baseline"]:
            continue
        for scenario, figure, percentile in FIGURES:
            before, after = (_times(run, name, scenario, percentile, relative) for run in (old, new))
            if found := unpaired_ratio(before, after):
                changes.append(Change(name, scenario, figure, *found, tolerance))
        same_limit = old["conditions"].get("limit_ms") == new["conditions"].get("limit_ms")
        if same_limit and (rate := rate_change(old, new, name, relative=relative)):
            changes.append(Change(name, SERVER, "rate", rate, None, tolerance))
    if not changes:
        raise LoadTestError("the runs have no figure in common that both measured in two rounds or more; expected the same variants and scenarios")
    return _holm(changes)


def check_comparable(old: Result, new: Result) -> None:
    """Refuse runs that differ in more than the service."""
    for name, run in (("old", old), ("new", new)):
        if found := warnings(run):
            raise LoadTestError(f"the {name} run is not fit to compare by: {found[0]}")
    for what, value in CONDITIONS.items():
        if value(old) != value(new):
            raise LoadTestError(f"the runs differ in their {what} ({value(old)}, {value(new)}); give --anyway to compare them all the same")
    for name, run, other in (("old", old, new), ("new", new, old)):
        if lacking := sorted(_figures(other) - _figures(run)):
            raise LoadTestError(f"the {name} run lacks {' '.join(lacking[0])}; give --anyway to compare what both have")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two runs; 0: none is slower, 1: one is, 2: they cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="a run's folder")
    parser.add_argument("new", type=Path, help="another's")
    parser.add_argument("--relative", action="store_true", help="compare each variant's ratio to its run's baseline, for machines that change")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="share by which a figure may differ whatever its interval (default: %(default)g)")
    parser.add_argument("--anyway", action="store_true", help="compare runs of other machines, other texts or with failures too")
    given = parser.parse_args(arguments)
    try:
        old, new = read_result(given.old), read_result(given.new)
        if not given.anyway:
            check_comparable(old, new)
        changes = compare(old, new, relative=given.relative, tolerance=given.tolerance)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{markdown(changes)}\n\n{COVERED}")
    return 1 if any(change.verdict == "slower" for change in changes) else 0


def markdown(changes: Sequence[Change]) -> str:
    """Return the changes as a table."""
    lines = ["| variant | scenario | figure | speed (old = 1) | p, Holm | |", "|---|---|---|---:|---:|---|"]
    for change in changes:
        ratio = f"{change.ratio.value:.3f} [{change.ratio.low:.3f}, {change.ratio.high:.3f}]"
        lines.append(
            f"| {change.variant} | {change.scenario} | {change.figure} | {ratio} | {'–' if change.p is None else f'{change.p:.3f}'} | {change.verdict} |"
        )
    return "\n".join(lines)


def _times(run: Result, name: str, scenario: str, percentile: float | None, relative: bool) -> list[float]:
    times = per_round(rounds_of(run["variants"][name], scenario), scenario, percentile)
    if not relative:
        return list(times.values())
    baseline = per_round(rounds_of(run["variants"].get(run["run"]["baseline"], {}), scenario), scenario, percentile)
    return [times[number] / baseline[number] for number in times.keys() & baseline.keys()]


def _figures(run: Result) -> set[tuple[str, ...]]:
    """Return what can be compared of a run."""
    found: set[tuple[str, ...]] = set()
    for name, variant in run["variants"].items():
        found |= {(name,)}
        found |= {(name, scenario, figure) for scenario, figure, percentile in FIGURES if len(_times(run, name, scenario, percentile, False)) > 1}
        found |= {(name, SERVER, "rate")} if "rate" in variant["scenarios"].get(SERVER, {}) else set()
    return found


def _holm(changes: list[Change]) -> list[Change]:
    """Return the changes with p values that hold for all of them together (Holm 1979)."""
    tested = sorted((change.p, place) for place, change in enumerate(changes) if change.p is not None)
    adjusted: dict[int, float] = {}
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - rank)))
        adjusted[place] = highest
    return [replace(change, p=adjusted.get(place)) for place, change in enumerate(changes)]


if __name__ == "__main__":
    sys.exit(main())
