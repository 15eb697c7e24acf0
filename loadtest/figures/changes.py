"""What changed between two runs: each figure that both have, with an interval from their rounds' spread.

Rounds of one run are no replicates of runs: what differs from run to run, from the machine's temperature to a restart
of the service, is in no interval here.

A figure that is known by its bounds alone, as Server's rate is, changed when the bounds of both runs say so.
"""

from collections.abc import Callable
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.figures.bounds import bounded_change
from loadtest.figures.change import Change, together
from loadtest.figures.comparison import Comparison
from loadtest.numbers.cost import server_cores
from loadtest.numbers.intervals import unpaired_ratio
from loadtest.numbers.result import Placement, Result
from loadtest.scenarios.registry import SCENARIOS
from loadtest.scenarios.scenario import Scenario

# the rounds of one run agree better than two runs do: their spread alone would call a warmer machine a slower variant
TOLERANCE = 0.03
CONDITIONS: dict[str, Callable[[Result], Any]] = {
    "cpu": lambda run: run.conditions.machine.cpu,
    "texts": lambda run: run.conditions.corpus.sha256[:12],
    "seed": lambda run: run.run.seed,
    "checking of labels": lambda run: run.conditions.corpus.labels_checked,
    "service on the generator's machine": lambda run: run.conditions.same_machine,
    "TLS": lambda run: run.conditions.host.startswith("https://"),
    "pinning": lambda run: _placement(run).pinned,
    "server's cores": lambda run: server_cores(run.conditions),
    "bursts": lambda run: run.conditions.bursts or "none",
    "timeout in seconds": lambda run: run.conditions.timeout_seconds,
    "seconds of a round": lambda run: run.run.seconds,
    "seconds of warm-up": lambda run: run.run.warm_up,
    "generator processes": lambda run: _placement(run).processes,
    "generator on other machines": lambda run: _placement(run).remote,
}
FIGURES = [(scenario, figure, percentile) for scenario in SCENARIOS for figure, percentile in scenario.compared_by]
BOUNDED = [scenario for scenario in SCENARIOS if scenario.bounded]


def changes(old: Result, new: Result, *, relative: bool = False, tolerance: float = TOLERANCE) -> list[Change]:
    """Return what changed of the variants that both runs have; `relative` holds each beside its run's baseline, which
    takes out a slower machine.
    """
    if relative and old.run.baseline != new.run.baseline:
        raise LoadTestError(
            f"the baselines of the runs are '{old.run.baseline}' and '{new.run.baseline}'; expected one and the same "
            "with --relative"
        )
    found = []
    same_limit = old.conditions.limit_ms == new.conditions.limit_ms
    for name in (name for name in old.variants if name in new.variants):
        if relative and name == old.run.baseline:
            continue
        for scenario, figure, percentile in FIGURES:
            before, after = (_times(run, name, scenario, percentile, relative) for run in (old, new))
            if ratio := unpaired_ratio(before, after, tolerance):
                found.append(Change(name, scenario.name, figure, *ratio, tolerance))
        for scenario in BOUNDED if same_limit else ():
            if bounds := bounded_change(scenario, old, new, name, relative=relative):
                found.append(Change(name, scenario.name, scenario.bounded, bounds, None, tolerance))
    if not found:
        raise LoadTestError(
            "the runs have no figure in common that both measured in two rounds or more; expected the same variants "
            "and scenarios"
        )
    return together(found)


def check_comparable(old: Result, new: Result) -> None:
    """Refuse runs that differ in more than the service."""
    for name, run in (("old", old), ("new", new)):
        if found := Comparison(run).warnings:
            raise LoadTestError(f"the {name} run is not fit to compare by: {found[0]}")
    if differing := differences(old, new):
        raise LoadTestError(
            f"the runs differ in their {', '.join(differing)}; give --anyway to compare them all the same"
        )
    for name, run, other in (("old", old, new), ("new", new, old)):
        if lacking := sorted(_figures(other) - _figures(run)):
            raise LoadTestError(f"the {name} run lacks {' '.join(lacking[0])}; give --anyway to compare what both have")


def differences(old: Result, new: Result) -> list[str]:
    """Name the conditions in which two runs differ, with what they were."""
    before, after = _conditions(old), _conditions(new)
    return [f"{what} ({before[what]}, {after[what]})" for what in before if before[what] != after[what]]


def _placement(run: Result) -> Placement:
    return run.conditions.generator or Placement()


def _conditions(run: Result) -> dict[str, Any]:
    general = {what: value(run) for what, value in CONDITIONS.items()}
    return general | {
        what: value for scenario in SCENARIOS for what, value in scenario.compared_conditions(run).items()
    }


def _times(run: Result, name: str, scenario: Scenario, percentile: float | None, relative: bool) -> list[float]:
    times = scenario.times(run.variants[name].rounds(scenario.name), percentile)
    if not relative:
        return list(times.values())
    baseline = scenario.times(run.baseline(scenario.name), percentile)
    return [times[number] / baseline[number] for number in times.keys() & baseline.keys()]


def _figures(run: Result) -> set[tuple[str, ...]]:
    """Return what can be compared of a run."""
    found: set[tuple[str, ...]] = set()
    for name in run.variants:
        found |= {(name,)}
        found |= {
            (name, scenario.name, figure)
            for scenario, figure, percentile in FIGURES
            if len(_times(run, name, scenario, percentile, False)) > 1
        }
        found |= {
            (name, scenario.name, scenario.bounded) for scenario in BOUNDED if scenario.bounds(run, name) is not None
        }
    return found
