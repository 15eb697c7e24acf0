"""What the gate's verdicts come to for a whole build: the family's p values and error, what would decide the rest, and
the conclusion in words.
"""

from collections.abc import Sequence

from models.data.labels import untested_in_words
from models.prove.gate import LARGEST_TEST, POWER
from models.prove.statistics import holm, inferiority
from models.prove.withheld import not_better
from models.prove.wording import join, points
from models.report.build_results import BuildResults, VariantResults
from models.report.robustness import PERTURBED, robustness
from models.runtime.card import Card, Verdict


def holm_over_family(cards: Sequence[Card]) -> dict[str, float]:
    """Return McNemar's p of every judged variant, adjusted for their number."""
    judged = {card.name: card.gate.mcnemar_p for card in cards if card.gate}
    return dict(zip(judged, holm(list(judged.values())), strict=True))


def family_note(cards: Sequence[Card]) -> str:
    """Say how likely one of several passes is wrong, and which of them stand for the whole family; empty where there is
    one or no pass to doubt.
    """
    judged = {card.name: card.gate for card in cards if card.gate}
    passed = [name for name, gate in judged.items() if gate.verdict == "passed"]
    if len(judged) < 2 or not passed:
        return ""
    rows = {card.name: int(card.dataset["rows"]["test"]) for card in cards}
    adjusted = holm([inferiority(gate.lost, gate.won, rows[name], gate.margin) for name, gate in judged.items()])
    standing = [name for name, p in zip(judged, adjusted, strict=True) if name in passed and p < judged[name].alpha / 2]
    each = next(iter(judged.values())).alpha / 2
    together = min(1.0, len(judged) * each)
    return (
        f"a variant that loses the margin or more passes by chance at most {100 * each:g} % of the time, one or more "
        f"of {len(judged)} such at most "
        f"{100 * together:g} %; held to {100 * each:g} % for all together (Holm), {join(standing) or 'none'} still "
        f"{'pass' if len(standing) > 1 else 'passes'}"
    )


def undecided_note(cards: Sequence[Card]) -> str:
    """Say how many test rows would decide what is undecided; empty when nothing is that more rows could decide."""
    waiting: dict[int, list[str]] = {}
    for card in cards:
        if card.gate and card.gate.verdict == "undecided" and not card.gate.withheld:
            waiting.setdefault(min(card.gate.rows_to_decide, LARGEST_TEST), []).append(card.name)
    beyond = waiting.pop(LARGEST_TEST, [])
    said = []
    if waiting:
        needed = [
            f"{rows:,} {'' if place else 'test rows would decide '}{join(names)}"
            for place, (rows, names) in enumerate(sorted(waiting.items()))
        ]
        said.append(
            f"{', '.join(needed)} with a probability of {100 * POWER:g} %, if wins and losses went on at the present "
            "rates"
        )
    if beyond:
        said.append(f"not even {LARGEST_TEST:,} test rows would decide {join(beyond)}, so near the margin is the drop")
    return f"undecided: {'; '.join(said)}" if said else ""


def shortcomings(cards: Sequence[Card]) -> list[str]:
    """Say what keeps variants from passing whatever their drop, and, where there is no variant, what is wrong with the
    teacher alone.
    """
    reasons: dict[str, list[str]] = {}
    for card in cards:
        if card.gate and card.gate.withheld:
            reasons.setdefault(card.gate.withheld, []).append(card.name)
    said = [f"no pass for {join(names)}, whatever the drop: {why}" for why, names in reasons.items()]
    majority = cards[0].majority
    return said or ([f"{cards[0].name}: {not_better(majority)}"] if majority and not majority.beaten else [])


def overlap_note(card: Card) -> str:
    """Say how many test rows were taught, how many texts contradict each other and how many test rows repeat others, by
    any card of the build; empty where none do, or nobody counted.
    """
    counts, rows = card.dataset.get("overlap", {}), card.dataset["rows"]["test"]
    if not any(counts.values()):
        return ""
    restated, repeated = (counts.get(key, 0) for key in ("restated", "repeated"))
    return (
        f"{counts['trained_on']:,} of {rows:,} test texts are training or validation texts too, "
        f"{counts['near_duplicates']:,} more are nearly equal to one"
        f"{f', {restated:,} of them but for case and punctuation' if restated else ''}; "
        f"texts that bear several labels: {counts['contradictory']:,}"
        f"{f'; test rows that repeat the text of another: {repeated:,}' if repeated else ''}"
    )


def untested_note(card: Card) -> str:
    """Say which labels the test does not ask for, by any card of the build; empty where it asks for all."""
    untested = card.dataset.get("untested", [])
    return untested_in_words(untested) if untested else ""


def conclude(results: BuildResults) -> list[str]:
    """Say in a few sentences what passed, which of it is fastest, and what is undecided or worse and why."""
    cards = [result.card for result in results.variants]
    short = [_sentence(said) for said in shortcomings(cards)]
    if not results.judged:
        return ["Only the teacher is built: there is no variant to judge.", *short]
    passed, undecided, worse = (
        [result for result in results.judged if result.verdict == verdict]
        for verdict in ("passed", "undecided", "worse")
    )
    said = [_passed(results, passed)]
    if passed:
        said.append(_fastest(results.teacher, min(passed, key=lambda result: result.mean_ms)))
    said += short
    said += _undecided(results, [result for result in undecided if not _gate(result).withheld])
    if worse:
        them = "its drop's whole interval lies" if len(worse) == 1 else "their drops' whole intervals lie"
        said.append(f"Worse: {_list(worse)}; {them} beyond the margin.")
    return said + _frail(results)


def level(verdict: Verdict) -> str:
    """Return the gate's confidence level as people write it."""
    return f"{100 * (1 - verdict.alpha):g} %"


def _undecided(results: BuildResults, waiting: list[VariantResults]) -> list[str]:
    """Name what is undecided by its drop alone, and what of it is below the teacher all the same."""
    if not waiting:
        return []
    them = "The interval of its drop holds" if len(waiting) == 1 else "The intervals of their drops hold"
    said = [
        f"Undecided: {_list(waiting)}. {them} the margin, so {len(results.gold):,} test rows do not tell on which "
        "side it lies; "
        "that is neither a pass nor a failure."
    ]
    below = [result.name for result in waiting if _gate(result).low > 0]
    if below:
        said.append(f"Below the teacher beyond chance, if perhaps by less than the margin: {join(below)}.")
    return said


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."


def _passed(results: BuildResults, passed: list[VariantResults]) -> str:
    gate = _gate(results.judged[0])
    margin = f"{100 * gate.margin:g} point{'' if gate.margin == 0.01 else 's'} of accuracy"
    teacher = (
        f"the teacher, which has {100 * results.teacher.card.accuracy.value:.2f} % of {len(results.gold):,} "
        "test rows right"
    )
    if not passed:
        return (
            f"None of {len(results.judged)} variants passed: none may be said to lose less than {margin} against "
            f"{teacher}."
        )
    are = "is" if len(passed) == 1 else "are"
    return (
        f"{len(passed)} of {len(results.judged)} variants passed: {join([result.name for result in passed])} {are} "
        "shown, "
        f"with {level(gate)} confidence, to lose less than {margin} against {teacher}."
    )


def _fastest(teacher: VariantResults, best: VariantResults) -> str:
    slower = (
        f" (with the {100 * best.card.cascade.escalated:.1f} % of them that it escalates)" if best.card.cascade else ""
    )
    return (
        f"The fastest that passed is {best.name}: a text takes it {best.mean_ms:.2f} ms on average{slower}, where the "
        f"teacher takes {teacher.mean_ms:.2f} "
        f"({teacher.mean_ms / best.mean_ms:.1f} times as fast), in {best.card.bytes / 1e6:.1f} MB instead of "
        f"{teacher.card.bytes / 1e6:.1f}; "
        f"it has {100 * best.card.accuracy.value:.2f} % right, a drop of {_drop(best)}."
    )


def _frail(results: BuildResults) -> list[str]:
    """Name what holds on the texts as written and is worse on the same texts as other people type them."""
    judged = robustness(results)
    frail = {
        kind: [
            one.name for one in results.judged if one.verdict != "worse" and judged[one.name][kind].verdict == "worse"
        ]
        for kind in PERTURBED
    }
    return [
        f"Under {PERTURBED[kind]}, {join(names)} {'is' if len(names) == 1 else 'are'} worse than the teacher."
        for kind, names in frail.items()
        if names
    ]


def _list(variants: list[VariantResults]) -> str:
    return join([f"{result.name} with a drop of {_drop(result)}" for result in variants])


def _drop(result: VariantResults) -> str:
    gate = _gate(result)
    return f"{points(gate.drop)} (interval {points(gate.low)} to {points(gate.high)})"


def _gate(result: VariantResults) -> Verdict:
    assert result.card.gate is not None
    return result.card.gate
