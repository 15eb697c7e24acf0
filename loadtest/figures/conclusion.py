"""What the figures say, in a paragraph that a reader without statistics can act on, and that claims no more than their
intervals and the gate allow.
"""

from loadtest.figures.comparison import Comparison
from loadtest.figures.services import sentences
from loadtest.numbers.intervals import Interval
from loadtest.scenarios.registry import RANKING
from loadtest.scenarios.scenario import Scenario
from loadtest.scenarios.summary import Summary

UNFIT = "The figures below are not fit to compare variants by; what went wrong stands above."
PASSED = "passed"
SAID = {
    "worse": "the gate found worse than the teacher",
    "undecided": "the gate left undecided",
    None: "no gate judged",
}


def conclusion(comparison: Comparison) -> str:
    """Say how the service compares with the other one, where there is one, and which of its variants to take."""
    if comparison.warnings:
        return UNFIT
    against = comparison.result.against
    return " ".join([*([sentences(comparison.services, against.host)] if against else []), _variants(comparison)])


def _variants(comparison: Comparison) -> str:
    """Say which variant to take, what it gives and what it costs: the fastest, by the mean of all its answers, of those
    that passed the gate.
    """
    baseline = comparison.baseline
    rows = {row.name: row for row in comparison.rows()}
    compared_rows = [(row.ratio, row) for row in rows.values() if row.name != baseline and row.ratio is not None]
    if not compared_rows:
        return (
            f"No variant is compared with {baseline}: {RANKING.name} was not measured in enough rounds, or for no "
            "other variant."
        )
    faster = sorted((pair for pair in compared_rows if pair[0].low > 1), key=lambda pair: -pair[0].value)
    if not faster:
        return f"No variant is faster than {baseline} beyond the interval of this run."
    fit = [pair for pair in faster if pair[1].verdict == PASSED and not pair[1].withheld]
    others = _not_to_take([pair for pair in faster if pair not in fit])
    if not fit:
        return f"No variant that is faster than {baseline} can be recommended. {others}"
    ratio, best = fit[0]
    difference = 100 * (best.accuracy - rows[baseline].accuracy)
    said = [
        f"{best.name} answers {ratio.value:.1f} times as fast as {baseline} (mean of all answers, 95 % interval "
        f"{ratio.low:.1f} to {ratio.high:.1f}), "
        f"passed the gate at an accuracy of {100 * best.accuracy:.2f} %, which is {abs(difference):.2f} points "
        f"{'above' if difference >= 0 else 'below'} "
        f"{baseline}'s, and takes a file of {best.bytes / rows[baseline].bytes:.0%} of its size.",
        _as_fast(comparison, best, [row for _, row in fit[1:]]),
        *(_said(comparison, scenario, best.name) for scenario in comparison.measured),
        others,
    ]
    return " ".join(sentence for sentence in said if sentence)


def _not_to_take(pairs: list[tuple[Interval, Summary]]) -> str:
    """Name the faster variants whose accuracy does not speak for them, by what was said of it."""
    said = [
        f"{row.name} ({ratio.value:.1f} times) is withheld: {str(row.withheld).rstrip('.')}."
        for ratio, row in pairs
        if row.withheld
    ]
    judged = [(ratio, row) for ratio, row in pairs if not row.withheld]
    for verdict in dict.fromkeys(row.verdict for _, row in judged):
        names = [f"{row.name} ({ratio.value:.1f} times)" for ratio, row in judged if row.verdict == verdict]
        said.append(
            f"Faster than the baseline, but {SAID.get(verdict, f'the gate called {verdict}')}: {', '.join(names)}."
        )
    return " ".join(said)


def _as_fast(comparison: Comparison, best: Summary, others: list[Summary]) -> str:
    """Name those that passed too and that this run cannot tell from the fastest."""
    rounds = {name: variant.rounds(RANKING.name) for name, variant in comparison.result.variants.items()}
    beside = [(row, RANKING.compared(rounds[best.name], rounds[row.name])) for row in others]
    names = [
        f"{row.name} ({100 * row.accuracy:.2f} %)" for row, ratio in beside if ratio is not None and ratio.high >= 1
    ]
    return f"This run does not tell it from {', '.join(names)}." if names else ""


def _said(comparison: Comparison, scenario: Scenario, name: str) -> str:
    best = comparison.row(scenario, name)
    return scenario.sentence(best, comparison.row(scenario, comparison.baseline)) if best else ""
