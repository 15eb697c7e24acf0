"""Compare all variants and controls in one run: `python -m models.bench [--variants DIR] [--dataset S] [--rounds N] [--texts N] [--out FILE]`."""

import argparse
import gc
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from models.batch_dependent import batch_dependent_rows
from models.card import Card, read_card, write_json
from models.classifier import BATCH, Predictor, length_sorted_batches
from models.comparison import Result, control_verdict, print_comparison
from models.controls import AGAIN, EAGER, PLAIN, Row, control_rows, predicting
from models.dataset import Dataset
from models.errors import BonsaiError
from models.evidence import read_evidence
from models.findings import OUT
from models.loading import load_variants
from models.measure import conditions as machine
from models.plan import TEACHER, Plan, VariantPlan, make_plan, read_inputs
from models.progress import Bar
from models.published import PUBLISHED
from models.recipe import Recipe
from models.statistics import wilson
from models.store import BUILD_COMMAND, Build, read_build
from models.tokenization import Tokenizer

ROUNDS = 5
LEAST_ROUNDS = 3
TEXTS = 250  # timed one at a time, the same for every row; the padded row takes some 40 ms for each
WARM_UP = 8
LIBRARIES = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime", "tokenizers", "scikit-learn", "model2vec", "numpy")


def bench(variants: Path, source: str | None, rounds: int, count: int) -> Result:
    """Measure every row of a build beside the controls, and return all figures with their conditions."""
    build, plan, trained = open_build(variants, source)
    dataset = plan.dataset
    loaded = load_variants({name: variants / name for name in build.variants})
    max_tokens = loaded[TEACHER][0].max_tokens
    texts = dataset.test.texts
    chosen = sorted(Random(build.recipe["seed"]).sample(range(len(texts)), min(count, len(texts))))
    found = {"commit": commit(), "started": datetime.now(UTC).isoformat(timespec="seconds"), "load_average_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="bonsai-bench-") as workplace:
        controls = [
            *control_rows(trained, variants / TEACHER, dataset, max_tokens, Path(workplace)),
            *batch_dependent_rows(plan, variants, Path(workplace)),
        ]
        rows = [*(variant_row(card, predictor) for card, predictor in loaded.values()), *controls]
        lengths = Tokenizer(variants / TEACHER / "tokenizer.json", max_tokens)
        offline = {row.name: offline_texts(texts, lengths, row.offline_batches) for row in rows}
        with steady():
            taken = measure_rounds(rows, [texts[number] for number in chosen], offline, rounds)
            scored = {row.name: score_control(row, dataset) for row in controls if row.name != AGAIN}
        scored[AGAIN] = scored[PLAIN]
        scored |= {row.name: {"changed_answers": changed_answers(row, variants, dataset, chosen)} for row in rows[: len(loaded)]}
    return {
        "name": dataset.name,
        "conditions": {
            **found,
            "load_average_after": round(os.getloadavg()[0], 2),
            "machine": {**machine(), "cores": os.cpu_count()},
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "build_id": build.build_id,
            "dataset": dataset.describe(),
            "seed": build.recipe["seed"],
            "max_tokens": max_tokens,
            "rounds": rounds,
            "texts": len(chosen),
            "offline_batch": BATCH,
        },
        "denominator": PLAIN,
        "control": AGAIN,
        "eager": EAGER,
        "rows": {row.name: {**row.about, **scored[row.name], "offline_texts": len(offline[row.name]), "rounds": taken[row.name]} for row in rows},
    }


def open_build(variants: Path, source: str | None) -> tuple[Build, Plan, Path]:
    """Return a build, the plan that it was made by, and the folder of its teacher's weights (BonsaiError)."""
    build = read_build(variants)
    cards = [read_card(variants / name) for name in build.variants if name != TEACHER]  # build.json lists the passes without their names
    recipe = Recipe.model_validate({**build.recipe, "variants": {card.name: card.passes[0] if card.cascade else card.passes for card in cards}})
    if source is not None:
        recipe = recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"source": source})})
    checkpoint, dataset = read_inputs(recipe)
    if dataset.sha256 != build.dataset["sha256"]:
        raise BonsaiError(
            f"data set '{recipe.dataset.source}' is not the one that '{variants}' was built on ({build.dataset['name']}, "
            f"SHA-256 {build.dataset['sha256'][:12]}…); expected that one, or run '{BUILD_COMMAND} --dataset {recipe.dataset.source}' first"
        )
    plan = make_plan(recipe, dataset, checkpoint)
    steps = variants / ".steps"
    trained = steps / plan.teacher_keys[0]
    exported = [steps / variant.export_key for variant in plan.variants if isinstance(variant, VariantPlan)]
    if missing := [folder for folder in (trained, *exported) if not folder.is_dir()]:
        raise BonsaiError(f"'{missing[0]}' is not there: finished steps were removed or made by another version; run '{BUILD_COMMAND}' again")
    return build, plan, trained


def variant_row(card: Card, predictor: Predictor) -> Row:
    """Return a variant as a row: the object that serves, and what its card says."""
    made = " + ".join(next(iter(entry)) for entry in card.passes) or "fine-tuned"
    return Row(
        card.name,
        predicting(predictor),
        {
            "kind": card.kind,
            "made": made,
            "bytes": card.bytes,
            "version": card.version,
            "gate": card.gate.model_dump(mode="json") if card.gate else None,
            "accuracy": card.accuracy.model_dump(mode="json"),
        },
    )


def offline_texts(texts: list[str], tokenizer: Tokenizer, limit: int | None) -> list[str]:
    """Return what a row is timed on in batches: the test set, or for a slow row so many whole batches of it at even distances from short to long."""
    batches = list(length_sorted_batches(tokenizer.encode(texts)[0], BATCH))
    if limit is None or limit >= len(batches):
        return texts
    places = ((2 * number + 1) * len(batches) // (2 * limit) for number in range(limit))
    return [texts[number] for place in places for number in batches[place]]


def score_control(row: Row, dataset: Dataset) -> dict[str, Any]:
    """Return a control's accuracy on the test split, one text at a time (a variant's stands on its card)."""
    with Bar(row.name, len(dataset.test)) as bar:
        right = 0
        for text, label in zip(dataset.test.texts, dataset.test.labels, strict=True):
            right += row.answer([text]) == [dataset.labels[label]]
            bar.advance()
        found = wilson(right, len(dataset.test))
        bar.finish(f"accuracy {100 * found.value:.2f}")
    return {"accuracy": found.model_dump(mode="json")}


def changed_answers(row: Row, variants: Path, dataset: Dataset, chosen: Sequence[int]) -> int:
    """Count the timed texts to which a variant now gives another label than in its evaluation."""
    given = read_evidence(variants / row.name).given
    return sum(row.answer([dataset.test.texts[number]]) != [dataset.labels[given[number]]] for number in chosen)


def measure_rounds(rows: list[Row], texts: list[str], offline: dict[str, list[str]], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Let every row have its turn in each round, in an order that begins elsewhere each time and runs backwards every second time."""
    taken: dict[str, list[dict[str, float]]] = {row.name: [] for row in rows}
    with Bar("measure", rounds * len(rows)) as bar:
        for turn in range(rounds):
            begin = turn * len(rows) // rounds
            order = [*rows[begin:], *rows[:begin]]
            for row in order if turn % 2 == 0 else reversed(order):
                taken[row.name].append(measure_turn(row, texts, offline[row.name]))
                bar.advance(row.name)
        bar.finish(f"{len(rows)} rows, {rounds} rounds, one thread")
    return taken


def measure_turn(row: Row, texts: list[str], offline: list[str]) -> dict[str, float]:
    """Time one row: each text alone, then all in batches; what it takes to tokenize is part of both."""
    row.answer(offline[:BATCH])
    for text in texts[:WARM_UP]:
        row.answer([text])
    times = []
    for text in texts:
        start = time.perf_counter()
        row.answer([text])
        times.append((time.perf_counter() - start) * 1000)
    start = time.perf_counter()
    row.answer(offline)
    seconds = time.perf_counter() - start
    figures = dict(zip(("p50_ms", "p95_ms", "p99_ms"), np.quantile(times, [0.5, 0.95, 0.99]).tolist(), strict=True))
    return {name: round(value, 5) for name, value in {**figures, "mean_ms": float(np.mean(times)), "texts_per_s": len(offline) / seconds}.items()}


@contextmanager
def steady() -> Iterator[None]:
    """Give every library one thread, and take what is loaded out of the garbage collector's sight, as the service does."""
    threads, parallel = torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    gc.collect()
    gc.freeze()
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)
        os.environ.pop("TOKENIZERS_PARALLELISM")
        if parallel is not None:
            os.environ["TOKENIZERS_PARALLELISM"] = parallel


def commit() -> str | None:
    """Return the commit that was measured, with `-dirty` where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line (BonsaiError where a number is unusable)."""
    parser = argparse.ArgumentParser(prog="python -m models.bench", description="Compare all variants of a build and the control rows in one run.")
    parser.add_argument("--variants", type=Path, default=OUT, help="the folder of a finished build (default: variants)")
    parser.add_argument("--dataset", help="where the build's data set stands now (default: where the build found it)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often every row has its turn (default: {ROUNDS})")
    parser.add_argument("--texts", type=int, default=TEXTS, help=f"how many texts are timed one at a time (default: {TEXTS})")
    parser.add_argument("--out", type=Path, help="result file (default: models/results/published/<data set>.json)")
    options = parser.parse_args(arguments)
    for name, least in (("rounds", LEAST_ROUNDS), ("texts", 1)):
        if (given := getattr(options, name)) < least:
            raise BonsaiError(f"--{name} is {given}; expected at least {least}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when its A/A control says that it proves nothing, 2 for what the user can repair, 130 after Ctrl-C."""
    try:
        options = parse(arguments)
        result = bench(options.variants, options.dataset, options.rounds, options.texts)
        out = options.out or PUBLISHED / f"{result['name']}.json"
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_json(out, result)
        except OSError as error:
            raise BonsaiError(f"the result cannot be written to '{out}' ({error.strerror}); choose another file with --out") from error
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is written", file=sys.stderr)
        return 130
    print_comparison(result, out)
    return 0 if control_verdict(result).holds else 1


if __name__ == "__main__":
    sys.exit(main())
