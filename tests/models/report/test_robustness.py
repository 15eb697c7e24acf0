from dataclasses import replace
from pathlib import Path

from models.report.build_results import read_build_results
from models.report.robustness import PERTURBED, robustness


def test_the_drops_are_those_between_the_cards_figures(built: Path) -> None:
    results = read_build_results(built)
    judged = robustness(results)
    assert list(judged) == [result.name for result in results.judged]
    for result in results.judged:
        for kind in PERTURBED:
            drop = results.teacher.card.robustness[kind] - result.card.robustness[kind]
            assert abs(judged[result.name][kind].drop - drop) < 1e-12


def test_texts_left_as_they_are_give_the_gates_own_verdict(built: Path) -> None:
    read = read_build_results(built)
    untouched = [
        replace(one, predictions=one.predictions.model_copy(update=dict.fromkeys(PERTURBED, one.predictions.given)))
        for one in read.variants
    ]
    judged = robustness(replace(read, variants=untouched))
    for result in read.judged:
        gate = result.card.gate
        assert gate is not None
        for kind in PERTURBED:
            held = judged[result.name][kind]
            assert (held.drop, held.low, held.high, held.mcnemar_p) == (gate.drop, gate.low, gate.high, gate.mcnemar_p)
