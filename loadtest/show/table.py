"""The comparison as Markdown tables, one for each scenario."""

from collections.abc import Sequence

from loadtest.figures.change import Change
from loadtest.figures.comparison import Comparison
from loadtest.numbers import text
from loadtest.numbers.intervals import over_rounds
from loadtest.numbers.result import Variant
from loadtest.scenarios.registry import PAIRED, RANKING, SCENARIOS
from loadtest.scenarios.scenario import Scenario, Table

AGAINST = "Against"
AGAINST_TITLE = "Against: the same variants at another service, in turns"
AGAINST_HEADS = [
    "variant",
    "scenario",
    "version",
    "version there",
    "mean ms",
    "mean ms there",
    "speed (there = 1)",
    "p, Holm",
    "",
    "round by round",
]


def markdown(comparison: Comparison) -> str:
    """Return the tables, under a bold line for each reason not to trust them."""
    parts = [
        "".join(f"**{warning}**\n\n" for warning in comparison.warnings)
        + "".join(f"*{caution}*\n\n" for caution in comparison.cautions)
    ]
    shown = sections(comparison)
    for name, (heads, rows) in shown.items():
        lines = [f"### {title(name)}\n"] if len(shown) > 1 else []
        lines += [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        parts.append("\n".join(lines) + "\n" + ("\n" if len(shown) > 1 else ""))
    if comparison.control is not None:
        parts.append(f"\n{control_text(comparison)}\n")
    return "".join(parts).rstrip("\n") + "\n"


def sections(comparison: Comparison) -> dict[str, Table]:
    """Return titles and cells of each scenario's table as text; the ranking one's is there even when nothing was
    measured.
    """
    shown = [scenario for scenario in SCENARIOS if scenario.title and scenario in comparison.measured] or [RANKING]
    tables = {scenario.name: scenario.table(comparison.result, comparison.rows(scenario)) for scenario in shown}
    if (against := comparison.result.against) is None:
        return tables
    both = [(name, here, against.variants[name]) for name, here in comparison.result.variants.items()]
    pairs = [
        _against_cells(name, here, there, scenario, comparison.services)
        for name, here, there in both
        for scenario in PAIRED
        if scenario in comparison.measured
    ]
    return {**tables, AGAINST: (AGAINST_HEADS, pairs)}


def title(name: str) -> str:
    """Return the title of a table."""
    return next((scenario.title for scenario in SCENARIOS if scenario.name == name), AGAINST_TITLE)


def control_text(comparison: Comparison) -> str:
    """Say what the A/A control gave."""
    again = comparison.control
    if again is None:
        return "No A/A control was measured."
    return (
        f"A/A control: {comparison.baseline} against itself came out as {again.value:.3f} [{again.low:.3f}, "
        f"{again.high:.3f}]."
    )


def _against_cells(
    name: str, here: Variant, there: Variant, scenario: Scenario, changes: Sequence[Change]
) -> list[str]:
    ours, theirs = (scenario.times(one.rounds(scenario.name)) for one in (here, there))
    ratios = [f"{theirs[number] / ours[number]:.2f}" for number in sorted(ours.keys() & theirs.keys())]
    means = [
        text.milliseconds(over.value) if (over := over_rounds(list(times.values()))) else text.NONE
        for times in (ours, theirs)
    ]
    ratio = scenario.compared(there.rounds(scenario.name), here.rounds(scenario.name))
    found = next((one for one in changes if (one.variant, one.scenario) == (name, scenario.name)), None)
    said = [text.NONE if found is None or found.p is None else f"{found.p:.3f}", found.verdict if found else text.NONE]
    return [
        name,
        scenario.name,
        here.version,
        there.version,
        *means,
        text.ratio(ratio),
        *said,
        ", ".join(ratios) or text.NONE,
    ]
