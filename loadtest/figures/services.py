"""Which of a service's variants are faster or slower there than at the other service, measured in turns with it
(`--against`).

The interval is that of this run: another start of the same service may differ by as much as one such process from the
next.
"""

from collections.abc import Sequence

from loadtest.figures.change import FASTER, NOT_RESOLVED, SLOWER, Change, together
from loadtest.numbers.intervals import paired_ratio
from loadtest.numbers.result import Result
from loadtest.scenarios.registry import PAIRED


def between_services(result: Result) -> list[Change]:
    """Return what both services were measured in, each variant's time here beside that there in the same round."""
    found = []
    for name, there in result.against.variants.items() if result.against else ():
        for scenario in PAIRED:
            ours, theirs = (scenario.times(one.rounds(scenario.name)) for one in (result.variants[name], there))
            paired = sorted(ours.keys() & theirs.keys())
            if ratio := paired_ratio([theirs[number] for number in paired], [ours[number] for number in paired]):
                found.append(Change(name, scenario.name, "mean", *ratio))
    return together(found)


def sentences(changes: Sequence[Change], there: str) -> str:
    """Say of each variant which of the three it is."""
    if not changes:
        return f"Nothing is compared with {there}: too few rounds were measured at both services."
    return " ".join(
        f"{said} {there}: {'; '.join(map(_shown, those))}."
        for verdict, said in (
            (FASTER, "Faster than at"),
            (SLOWER, "Slower than at"),
            (NOT_RESOLVED, "Not resolved, whether faster or slower than at"),
        )
        if (those := [change for change in changes if change.verdict == verdict])
    )


def _shown(change: Change) -> str:
    ratio = change.ratio
    return (
        f"{change.variant} in {change.scenario} ({ratio.value:.2f} times as fast, 95 % interval {ratio.low:.2f} to "
        f"{ratio.high:.2f})"
    )
