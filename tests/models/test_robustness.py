from dataclasses import replace
from pathlib import Path

from models.findings import read_findings
from models.robustness import PERTURBED, robustness


def test_the_drops_are_those_between_the_cards_figures(built: Path) -> None:
    findings = read_findings(built)
    judged = robustness(findings)
    assert list(judged) == [finding.name for finding in findings.judged]
    for finding in findings.judged:
        for kind in PERTURBED:
            drop = findings.teacher.card.robustness[kind] - finding.card.robustness[kind]
            assert abs(judged[finding.name][kind].drop - drop) < 1e-12


def test_texts_left_as_they_are_give_the_gates_own_verdict(built: Path) -> None:
    read = read_findings(built)
    untouched = [replace(one, evidence=one.evidence.model_copy(update=dict.fromkeys(PERTURBED, one.evidence.given))) for one in read.variants]
    judged = robustness(replace(read, variants=untouched))
    for finding in read.judged:
        gate = finding.card.gate
        assert gate is not None
        for kind in PERTURBED:
            held = judged[finding.name][kind]
            assert (held.drop, held.low, held.high, held.mcnemar_p) == (gate.drop, gate.low, gate.high, gate.mcnemar_p)
