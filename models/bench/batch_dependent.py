"""Benchmark rows for the usual dynamic INT8 of a build's own variants: what answers that do not depend on batch mates
cost, and spare.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from models.bench.controls import Row, about
from models.passes.quantize import quantize_file
from models.plan.plan import Plan, VariantPlan
from models.prove.evaluation import logits_alone
from models.prove.invariance import batch_invariance
from models.prove.latency import answering
from models.recipe.passes import Quantize
from models.runtime.card import MODEL_FILE, read_card
from models.runtime.classifier import Classifier

FORM = "dynamic_per_batch"


def batch_dependent_rows(plan: Plan, variants: Path, training: Sequence[str], workplace: Path) -> list[Row]:
    """Quantize every INT8 variant once more, from the graph that it was made of, with scales taken from the batch;
    `training` as in `control_rows`.
    """
    rows = []
    for variant in plan.variants:
        if not isinstance(variant, VariantPlan) or not variant.graph_passes:
            continue
        *before, last = variant.graph_passes
        if not isinstance(last.config, Quantize) or last.config.weights != "int8" or last.config.activations == FORM:
            continue
        source = variants / ".steps" / (before[-1].key if before else variant.export_key)
        folder = workplace / variant.name
        shutil.copytree(variants / variant.name, folder)
        quantize_file(source / MODEL_FILE, folder / MODEL_FILE, last.config.model_copy(update={"activations": FORM}))
        rows.append(_row(plan, variant.name, folder, training))
    return rows


def _row(plan: Plan, name: str, folder: Path, training: Sequence[str]) -> Row:
    card = read_card(folder)

    def load() -> Classifier:
        return Classifier(folder, max_tokens=card.max_tokens, temperature=card.temperature)

    classifier = load()
    texts = plan.dataset.test.texts
    alone = logits_alone(classifier, texts, title=f"{name}, {FORM}")
    found = batch_invariance(classifier, texts, alone, plan.recipe.seed)
    made = f"{name} with activations: {FORM}, as other tools quantize dynamically"
    said = {
        **about(made, (folder / MODEL_FILE).stat().st_size),
        "form_of": name,
        "invariance": found.model_dump(mode="json"),
    }
    return Row(f"{name}, scales of the batch", lambda: answering(load(), training), said)
