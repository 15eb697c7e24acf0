"""Measure every row of a build beside the control rows, and say what each is, what it scores and what it takes."""

import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from models.bench.batch_dependent import batch_dependent_rows
from models.bench.comparison import Result
from models.bench.controls import AGAIN, EAGER, PLAIN, Row, control_rows, reason
from models.bench.ensemble import Ensemble
from models.bench.texts import choose_texts
from models.bench.turns import measure_rounds, steady
from models.data.dataset import Dataset
from models.plan.plan import TEACHER, Plan, VariantPlan, make_plan, read_inputs
from models.prove.latency import TEXTS as MEMORY_TEXTS
from models.prove.latency import conditions as machine
from models.prove.latency import open_variant, sample
from models.prove.memory import measure_memory
from models.prove.predictions import read_predictions
from models.prove.statistics import wilson
from models.recipe.recipe import Recipe
from models.runtime.card import read_card
from models.runtime.classifier import BATCH
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar
from models.runtime.store import BUILD_COMMAND, Build, read_build
from models.runtime.tokenization import Tokenizer

LIBRARIES = (
    "torch",
    "transformers",
    "optimum",
    "optimum-onnx",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "scikit-learn",
    "model2vec",
    "numpy",
)


def bench(variants: Path, source: str | None, rounds: int, count: int, transfer: int) -> Result:
    """Measure every row of a build beside the controls, and return all figures with their conditions."""
    build, plan = open_build(variants, source)
    dataset, seed, max_tokens = plan.dataset, plan.recipe.seed, plan.recipe.teacher.max_tokens
    ensemble = Ensemble(plan, variants / ".steps", transfer)
    folders = {name: variants / name for name in build.variants}
    chosen = Random(seed).sample(range(len(dataset.test)), min(count, len(dataset.test)))
    texts = choose_texts(dataset, chosen, Tokenizer(variants / TEACHER / "tokenizer.json", max_tokens), seed)
    found = {
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average_before": round(os.getloadavg()[0], 2),
    }
    with tempfile.TemporaryDirectory(prefix="bonsai-bench-") as workplace:
        ceiling, left_out = ceiling_row(ensemble)
        controls, unmade = control_rows(ensemble, variants / TEACHER, texts.training, Path(workplace))
        controls += batch_dependent_rows(plan, variants, texts.training, Path(workplace))
        rows = [*(variant_row(folders, name, texts.training) for name in folders), *controls]
        with steady():
            taken = measure_rounds(rows, texts, rounds)
            scored = {row.name: score_control(row, dataset, chosen) for row in controls if row.name != AGAIN}
            scored[AGAIN] = scored[PLAIN]
            scored |= {
                row.name: {"changed_answers": changed_answers(row, variants, dataset, chosen)}
                for row in rows[: len(folders)]
            }
    measured = {
        row.name: {
            **row.about,
            **scored[row.name],
            **texts.about(few=row.few),
            "few": row.few,
            "rounds": taken[row.name],
        }
        for row in rows
    }
    return {
        "name": dataset.name,
        "conditions": {
            **found,
            "load_average_after": round(os.getloadavg()[0], 2),
            "machine": {**machine(), "cores": os.cpu_count()},
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES if name != "model2vec" or find_spec(name)},
            "build_id": build.build_id,
            "dataset": dataset.describe(),
            "seed": seed,
            "max_tokens": max_tokens,
            "rounds": rounds,
            **texts.about(few=False),
            "offline_batch": BATCH,
            "warmed_with": len(texts.training),
        },
        "denominator": PLAIN,
        "control": AGAIN,
        "eager": EAGER,
        "rows": {
            **{name: measured[name] for name in folders},
            **ceiling,
            **{row.name: measured[row.name] for row in controls},
        },
        "left_out": {**left_out, **unmade},
    }


def open_build(variants: Path, source: str | None) -> tuple[Build, Plan]:
    """Return a build and the plan that it was made by (BonsaiError where the served teacher's weights or an exported
    graph are gone).
    """
    build = read_build(variants)
    cards = [
        read_card(variants / name) for name in build.variants if name != TEACHER
    ]  # build.json lists the passes without their names
    passes = {card.name: card.passes[0] if card.cascade else card.passes for card in cards}
    try:
        recipe = Recipe.model_validate({**build.recipe, "variants": passes})
    except ValidationError as error:
        raise BonsaiError(
            f"'{variants}' was built by another version, with options that this one does not have; run "
            f"'{BUILD_COMMAND}' again"
        ) from error
    if source is not None:
        recipe = recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"source": source})})
    checkpoint, dataset = read_inputs(recipe)
    if dataset.sha256 != build.dataset["sha256"]:
        raise BonsaiError(
            f"data set '{recipe.dataset.source}' is not the one that '{variants}' was built on "
            f"({build.dataset['name']}, "
            f"SHA-256 {build.dataset['sha256'][:12]}…); expected that one, or run '{BUILD_COMMAND} --dataset "
            f"{recipe.dataset.source}' first"
        )
    plan = make_plan(recipe, dataset, checkpoint)
    steps = variants / ".steps"
    if plan.checkpoint.is_graph:
        raise BonsaiError(
            f"teacher '{plan.checkpoint.name}' is a graph, whose weights torch cannot compute beside it; expected a "
            "build whose teacher has weights (model.safetensors)"
        )
    trained = steps / plan.teacher_keys[0]
    exported = [steps / variant.export_key for variant in plan.variants if isinstance(variant, VariantPlan)]
    if missing := [folder for folder in (trained, *exported) if not folder.is_dir()]:
        raise BonsaiError(
            f"'{missing[0]}' is not there: finished steps were removed or made by another version; run "
            f"'{BUILD_COMMAND}' again"
        )
    return build, plan


def variant_row(folders: dict[str, Path], name: str, training: Sequence[str]) -> Row:
    """Return a variant as a row: what serves it, and what its card says."""
    card = read_card(folders[name])
    about = {
        "kind": card.kind,
        "made": " + ".join(next(iter(entry)) for entry in card.passes) or "fine-tuned",
        "bytes": card.bytes,
        "version": card.version,
        "gate": card.gate.model_dump(mode="json") if card.gate else None,
        "accuracy": card.accuracy.model_dump(mode="json"),
        "stored": card.stored.model_dump(mode="json") if card.stored else None,
        "memory": measure_memory(folders, name, sample(training, MEMORY_TEXTS, 0)),
    }
    return Row(name, lambda: open_variant(folders, name, training), about)


def ceiling_row(ensemble: Ensemble) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the accuracy of what the students were taught by, or why it is left out; it has no times, for nobody
    serves it.
    """
    if ensemble.teachers == 1:
        return {}, {}
    try:
        size, accuracy = ensemble.bytes(), ensemble.accuracy().model_dump(mode="json")
    except BonsaiError as error:
        return {}, {ensemble.said: reason(error)}
    row = {
        "kind": "ceiling",
        "made": "mean of their logits, in PyTorch; what students of them can reach",
        "bytes": size,
        "accuracy": accuracy,
    }
    return {ensemble.said: {**row, "rounds": []}}, {}


def score_control(row: Row, dataset: Dataset, chosen: Sequence[int]) -> dict[str, Any]:
    """Return a control's accuracy on the test split, one text at a time (a variant's stands on its card); a slow row's
    on the chosen texts alone.
    """
    numbers, answer = chosen if row.few else range(len(dataset.test)), row.open()
    with Bar(row.name, len(numbers)) as bar:
        right = 0
        for number in numbers:
            right += answer([dataset.test.texts[number]]) == [dataset.labels[dataset.test.labels[number]]]
            bar.advance()
        found = wilson(right, len(numbers))
        bar.finish(f"accuracy {100 * found.value:.2f}")
    return {"accuracy": found.model_dump(mode="json"), "accuracy_texts": len(numbers)}


def changed_answers(row: Row, variants: Path, dataset: Dataset, chosen: Sequence[int]) -> int:
    """Count the timed texts to which a variant now gives another label than in its evaluation."""
    given, answer = read_predictions(variants / row.name).given, row.open()
    return sum(answer([dataset.test.texts[number]]) != [dataset.labels[given[number]]] for number in chosen)


def commit() -> str | None:
    """Return the commit that was measured, with `-dirty` where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
