"""Does a variant hold for texts that other people type? The gate's question, asked on the perturbed test rows."""

import numpy as np

from models.prove.gate import judge, pair
from models.recipe.recipe import Gate
from models.report.build_results import BuildResults, VariantResults
from models.runtime.card import Verdict

PERTURBED = {"typos": "typos", "other_case": "changes of case"}  # of the predictions, and what people call it


def robustness(results: BuildResults) -> dict[str, dict[str, Verdict]]:
    """Judge every variant beside the teacher on each kind of perturbed texts, at the gate's margin and alpha."""
    return {result.name: {kind: _judged(results, result, kind) for kind in PERTURBED} for result in results.judged}


def _judged(results: BuildResults, result: VariantResults, kind: str) -> Verdict:
    gate = result.card.gate
    assert gate is not None
    teacher, variant = (np.array(getattr(one.predictions, kind), dtype=np.int64) for one in (results.teacher, result))
    return judge(pair(results.gold, teacher, variant), Gate(max_drop=100 * gate.margin, alpha=gate.alpha))
