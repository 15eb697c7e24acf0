"""Finish a variant: put its folder together, evaluate it there, judge it beside the teacher, and seal it with its
card.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.build.counted import read_parameters
from models.graph.stored import stored
from models.plan.plan import GRAPH_LIBRARIES, TEACHER, CascadePlan, Plan, VariantPlan, versions_of
from models.prove.confidence import fit_temperature
from models.prove.coverage import Coverage, coverages
from models.prove.evaluation import Scores, answers_alone, best_of, score
from models.prove.predictions import read_predictions, write_predictions
from models.prove.threshold import choose_threshold, differing_at_most
from models.prove.withheld import against_majority, not_better, verdict_of
from models.prove.wording import points
from models.recipe.passes import Sparsify, Trim
from models.runtime.card import CONTENT_FILES, MODEL_FILE, Card, seal
from models.runtime.cascade import Cascade
from models.runtime.classifier import Classifier
from models.runtime.cpu import integer_flags
from models.runtime.loading import load_variants
from models.runtime.progress import console
from models.runtime.tokenization import Tokenizer


def finish_variant(
    plan: Plan,
    variant: VariantPlan,
    graph: Path,
    draft: Path,
    teacher_coverages: Mapping[str, Coverage],
    teacher: Path | None,
) -> None:
    """Make a Hugging Face ONNX folder of what the last step left; `teacher` is the teacher's finished folder, None for
    itself.
    """
    for name in CONTENT_FILES:
        shutil.copyfile(graph / name, draft / name)
    dataset, max_tokens, seed = plan.dataset, plan.recipe.teacher.max_tokens, plan.recipe.seed
    classifier = Classifier(draft, max_tokens=max_tokens)
    classifier.temperature = fit_temperature(
        classifier.logits(dataset.validation.texts)[0], np.array(dataset.validation.labels)
    )
    alone, invariance = answers_alone(classifier, dataset.test.texts, seed=seed)
    trimmed = any(isinstance(planned.config, Trim) for planned in variant.graph_passes)
    read = coverages(Tokenizer(draft / "tokenizer.json", max_tokens), dataset) if trimmed else teacher_coverages
    content = {
        "kind": TEACHER if teacher is None else "variant",
        "passes": variant.passes,
        "parameters": read_parameters(graph),
        "temperature": classifier.temperature,
        "unknown_tokens": {name: one.unknown for name, one in read.items()},
        "truncated_texts": {name: one.truncated for name, one in read.items()},
        "invariance": invariance,
    }
    if any(isinstance(planned.config, Sparsify) for planned in variant.torch_passes):
        content["stored"] = stored(draft / MODEL_FILE)
    _seal(plan, variant.name, draft, score(classifier, dataset, seed=seed, alone=alone), content, teacher)


def finish_cascade(plan: Plan, cascade: CascadePlan, parts: Mapping[str, Path], draft: Path, teacher: Path) -> None:
    """Choose a cascade's threshold on validation data; `parts` are the finished folders of its small and its large
    variant.
    """
    dataset, config = plan.dataset, cascade.config
    (small_card, small), (large_card, large) = load_variants(dict(parts)).values()
    by_small, by_large = (best_of(part, dataset.validation.texts) for part in (small, large))
    differing = by_small.labels != by_large.labels
    threshold = choose_threshold(by_small.confidence, differing, config.max_drop / 100)
    at_most = differing_at_most(threshold, by_small.confidence, differing)
    whole = Cascade(small, large, threshold)
    scores = score(whole, dataset, seed=plan.recipe.seed)
    escalated = float((best_of(small, dataset.test.texts).confidence < threshold).mean())
    made_of = {
        "small": config.small,
        "small_version": small_card.version,
        "large": config.large,
        "large_version": large_card.version,
    }
    content = {
        "kind": "cascade",
        "passes": [{"cascade": config.model_dump(mode="json")}],
        "parameters": {
            name: small_card.parameters[name] + large_card.parameters[name] for name in small_card.parameters
        },
        "bytes": small_card.bytes + large_card.bytes,
        "temperature": whole.temperature,
        "cascade": {**made_of, "threshold": threshold, "escalated": escalated, "differing_at_most": at_most},
    }
    console.print(
        f"  cascade: {100 * escalated:.1f} % of the test texts go from {config.small} to {config.large}; at most "
        f"{100 * at_most:.2f} % "
        f"of all keep another label than {config.large}'s (95 % bound by {len(differing):,} validation rows)",
        soft_wrap=True,
    )
    _seal(plan, cascade.name, draft, scores, content, teacher)


def _seal(plan: Plan, name: str, draft: Path, scores: Scores, content: dict[str, Any], teacher: Path | None) -> None:
    """Judge a variant beside the teacher, and write its card and its predictions."""
    gold, given, labels, gate = (
        np.array(plan.dataset.test.labels),
        scores.predictions.labels,
        plan.dataset.labels,
        plan.recipe.gate,
    )
    reference = given if teacher is None else read_predictions(teacher).labels
    described: dict[str, Any] = plan.dataset.describe()
    options = plan.recipe.teacher.model_dump(exclude={"source", "revision"})
    options |= {"keeps_head": plan.training.keeps_head, "precision": plan.training.precision}
    if teacher is not None:
        shared = plan.dataset.overlap
        taught, restated, repeated = (shared.get(key, 0) for key in ("trained_on", "restated", "repeated"))
        content["gate"] = verdict_of(gold, reference, given, labels, gate, taught, restated=restated, repeated=repeated)
    write_predictions(draft, scores.predictions)
    card = seal(
        draft,
        name=name,
        teacher={"source": plan.checkpoint.name, "fingerprint": plan.checkpoint.fingerprint, **options},
        dataset=described,
        seed=plan.recipe.seed,
        max_tokens=plan.recipe.teacher.max_tokens,
        libraries={**plan.training.libraries, **versions_of(GRAPH_LIBRARIES)},
        cpu_flags=integer_flags(),
        agreement=float((given == reference).mean()),
        majority=against_majority(gold, given, labels, gate.alpha),
        **content,
        **scores.content,
    )
    found = card.accuracy
    console.print(
        f"  accuracy {100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]{_verdict(card)}",
        markup=False,
        soft_wrap=True,
    )


def _verdict(card: Card) -> str:
    """Say what the gate says, and of the teacher only what keeps all variants from passing."""
    if card.gate is None:
        return f", {not_better(card.majority)}" if card.majority and not card.majority.beaten else ""
    said = f", {card.gate.verdict}: drop {points(card.gate.drop)} [{points(card.gate.low)}, {points(card.gate.high)}]"
    return f"{said}; no pass: {card.gate.withheld}" if card.gate.withheld else said
