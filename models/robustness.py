"""Does a variant hold for texts that other people type? The gate's question, asked on the perturbed test rows."""

import numpy as np

from models.card import Verdict
from models.findings import Finding, Findings
from models.gate import judge, pair
from models.recipe import Gate

PERTURBED = {"typos": "typos", "other_case": "changes of case"}  # of the evidence, and what people call it


def robustness(findings: Findings) -> dict[str, dict[str, Verdict]]:
    """Judge every variant beside the teacher on each kind of perturbed texts, at the gate's margin and alpha."""
    return {finding.name: {kind: _judged(findings, finding, kind) for kind in PERTURBED} for finding in findings.judged}


def _judged(findings: Findings, finding: Finding, kind: str) -> Verdict:
    gate = finding.card.gate
    assert gate is not None
    teacher, variant = (np.array(getattr(one.evidence, kind), dtype=np.int64) for one in (findings.teacher, finding))
    return judge(pair(findings.gold, teacher, variant), Gate(max_drop=100 * gate.margin, alpha=gate.alpha))
