"""What the gate's verdicts come to for a whole build: Holm's p over the family, what would decide the rest, and the conclusion in words."""

from collections.abc import Sequence

from models.card import Card, Verdict
from models.findings import Finding, Findings
from models.gate import LARGEST_TEST
from models.robustness import PERTURBED, robustness
from models.statistics import holm


def holm_over_family(cards: Sequence[Card]) -> dict[str, float]:
    """Return McNemar's p of every judged variant, adjusted for their number."""
    judged = {card.name: card.gate.mcnemar_p for card in cards if card.gate}
    return dict(zip(judged, holm(list(judged.values())), strict=True))


def undecided_note(cards: Sequence[Card]) -> str:
    """Say how many test rows would decide what is undecided; empty when nothing is."""
    waiting: dict[int, list[str]] = {}
    for card in cards:
        if card.gate and card.gate.verdict == "undecided":
            waiting.setdefault(card.gate.rows_to_decide, []).append(card.name)
    beyond = waiting.pop(LARGEST_TEST, [])
    said = [f"{rows:,} {'' if place else 'test rows would decide '}{join(names)}" for place, (rows, names) in enumerate(waiting.items())]
    if beyond:
        said.append(f"no test set would decide {join(beyond)}, so near the margin is the drop")
    return f"undecided: {', '.join(said)}" if said else ""


def conclude(findings: Findings) -> list[str]:
    """Say in a few sentences what passed, which of it is fastest, and what is undecided or worse and why."""
    if not findings.judged:
        return ["Only the teacher is built: there is no variant to judge."]
    passed, undecided, worse = ([finding for finding in findings.judged if finding.verdict == verdict] for verdict in ("passed", "undecided", "worse"))
    said = [_passed(findings, passed)]
    if passed:
        said.append(_fastest(findings.teacher, min(passed, key=lambda finding: finding.p50_ms)))
    if undecided:
        them = "Its drop lies" if len(undecided) == 1 else "Their drops lie"
        said.append(
            f"Undecided: {_list(undecided)}. {them} too near the margin for {len(findings.gold):,} test rows to tell on which side; "
            "that is neither a pass nor a failure, and more test rows would settle it."
        )
    if worse:
        said.append(f"Worse: {_list(worse)}, beyond the margin and beyond chance.")
    return said + _frail(findings)


def level(verdict: Verdict) -> str:
    """Return the gate's confidence level as people write it."""
    return f"{100 * (1 - verdict.alpha):g} %"


def join(names: Sequence[str]) -> str:
    """Return names as an enumeration."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _passed(findings: Findings, passed: list[Finding]) -> str:
    gate = findings.judged[0].card.gate
    assert gate is not None
    margin = f"{100 * gate.margin:g} point{'' if gate.margin == 0.01 else 's'} of accuracy"
    teacher = f"the teacher, which has {100 * findings.teacher.card.accuracy.value:.2f} % of {len(findings.gold):,} test rows right"
    if not passed:
        return f"None of {len(findings.judged)} variants is shown to lose less than {margin} against {teacher}."
    are = "is" if len(passed) == 1 else "are"
    return (
        f"{len(passed)} of {len(findings.judged)} variants passed: {join([finding.name for finding in passed])} {are} shown, "
        f"with {level(gate)} confidence, to lose less than {margin} against {teacher}."
    )


def _fastest(teacher: Finding, best: Finding) -> str:
    slower = f" (the {100 * best.card.cascade.escalated:.1f} % that it escalates take longer)" if best.card.cascade else ""
    return (
        f"The fastest that passed is {best.name}: half of the texts take it {best.p50_ms:.2f} ms or less{slower}, where the teacher takes {teacher.p50_ms:.2f} "
        f"({teacher.p50_ms / best.p50_ms:.1f} times as fast), in {best.card.bytes / 1e6:.1f} MB instead of {teacher.card.bytes / 1e6:.1f}; "
        f"it has {100 * best.card.accuracy.value:.2f} % right, a drop of {_drop(best)}."
    )


def _frail(findings: Findings) -> list[str]:
    """Name what holds on the texts as written and is worse on the same texts as other people type them."""
    judged = robustness(findings)
    frail = {kind: [one.name for one in findings.judged if one.verdict != "worse" and judged[one.name][kind].verdict == "worse"] for kind in PERTURBED}
    return [f"Under {PERTURBED[kind]}, {join(names)} {'is' if len(names) == 1 else 'are'} worse than the teacher." for kind, names in frail.items() if names]


def _list(variants: list[Finding]) -> str:
    return join([f"{finding.name} with a drop of {_drop(finding)}" for finding in variants])


def _drop(finding: Finding) -> str:
    gate = finding.card.gate
    assert gate is not None
    return f"{points(gate.drop)} (interval {points(gate.low)} to {points(gate.high)})"


def points(share: float, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with a true minus."""
    return f"{round(100 * share, digits) + 0.0:.{digits}f}".replace("-", "−")  # adding zero turns minus zero into zero
