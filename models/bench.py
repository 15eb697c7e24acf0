"""Compare all variants and controls in one run: `python -m models.bench [--variants DIR] [--dataset S] [--rounds N] [--out FILE]`."""

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
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from models.batch_dependent import batch_dependent_rows
from models.card import read_card, write_json
from models.classifier import BATCH, length_sorted_batches
from models.comparison import Result, control_verdict, print_comparison
from models.controls import AGAIN, EAGER, PLAIN, Row, control_rows, reason
from models.dataset import Dataset
from models.ensemble import Ensemble
from models.errors import BonsaiError
from models.evidence import read_evidence
from models.findings import OUT
from models.measure import MET, WARM_UP, Answer, open_variant, quantiles, sample, times_alone
from models.measure import conditions as machine
from models.plan import TEACHER, Plan, VariantPlan, make_plan, read_inputs
from models.progress import Bar
from models.published import PUBLISHED
from models.recipe import Recipe
from models.statistics import wilson
from models.store import BUILD_COMMAND, Build, read_build
from models.tokenization import Tokenizer

T = TypeVar("T")
ROUNDS = 5
LEAST_ROUNDS = 3
TEXTS = 250  # timed one at a time
BATCHES = 48  # of the other test texts, timed in batches
FEW_TEXTS, FEW_BATCHES = 50, 4  # of these for rows that take up to 40 ms a text, which would else take most of the time
TRANSFER = 36_000  # variations that controls learn from at the most: three teachers read them in three minutes
LIBRARIES = ("torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime", "tokenizers", "scikit-learn", "model2vec", "numpy")


@dataclass(frozen=True)
class Texts:
    """What every row is timed on, alone and in batches: first the few that slow rows have too, so that each is compared on the same texts."""

    training: list[str]  # warms up; no row has met a text that it is timed on
    few: list[str]
    more: list[str]
    few_batched: list[str]
    more_batched: list[str]

    def about(self, *, few: bool) -> dict[str, int]:
        """Return how many texts a row is timed on."""
        alone, batched = len(self.few), len(self.few_batched)
        return {"texts": alone, "offline_texts": batched} if few else {"texts": alone + len(self.more), "offline_texts": batched + len(self.more_batched)}


def bench(variants: Path, source: str | None, rounds: int, count: int, transfer: int) -> Result:
    """Measure every row of a build beside the controls, and return all figures with their conditions."""
    build, plan = open_build(variants, source)
    dataset, seed, max_tokens = plan.dataset, plan.recipe.seed, plan.recipe.teacher.max_tokens
    ensemble = Ensemble(plan, variants / ".steps", transfer)
    folders = {name: variants / name for name in build.variants}
    chosen = Random(seed).sample(range(len(dataset.test)), min(count, len(dataset.test)))
    texts = choose_texts(dataset, chosen, Tokenizer(variants / TEACHER / "tokenizer.json", max_tokens), seed)
    found = {"commit": commit(), "started": datetime.now(UTC).isoformat(timespec="seconds"), "load_average_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="bonsai-bench-") as workplace:
        ceiling, left_out = ceiling_row(ensemble)
        controls, unmade = control_rows(ensemble, variants / TEACHER, texts.training, Path(workplace))
        controls += batch_dependent_rows(plan, variants, texts.training, Path(workplace))
        rows = [*(variant_row(folders, name, texts.training) for name in folders), *controls]
        with steady():
            taken = measure_rounds(rows, texts, rounds)
            scored = {row.name: score_control(row, dataset, chosen) for row in controls if row.name != AGAIN}
            scored[AGAIN] = scored[PLAIN]
            scored |= {row.name: {"changed_answers": changed_answers(row, variants, dataset, chosen)} for row in rows[: len(folders)]}
    measured = {row.name: {**row.about, **scored[row.name], **texts.about(few=row.few), "few": row.few, "rounds": taken[row.name]} for row in rows}
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
        "rows": {**{name: measured[name] for name in folders}, **ceiling, **{row.name: measured[row.name] for row in controls}},
        "left_out": {**left_out, **unmade},
    }


def open_build(variants: Path, source: str | None) -> tuple[Build, Plan]:
    """Return a build and the plan that it was made by (BonsaiError where the served teacher's weights or an exported graph are gone)."""
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
    return build, plan


def choose_texts(dataset: Dataset, chosen: Sequence[int], lengths: Tokenizer, seed: int) -> Texts:
    """Take the chosen test texts alone, and of the others whole batches, from short to long."""
    alone, among = [dataset.test.texts[number] for number in chosen], set(chosen)
    others = [text for number, text in enumerate(dataset.test.texts) if number not in among] or dataset.test.texts
    batches = [[others[row] for row in rows] for rows in length_sorted_batches(lengths.encode(others)[0], BATCH)]
    few, more = spread(spread(batches, BATCHES)[0], FEW_BATCHES)
    return Texts(sample(dataset.train.texts, MET, seed), alone[:FEW_TEXTS], alone[FEW_TEXTS:], list(chain(*few)), list(chain(*more)))


def spread(items: list[T], most: int) -> tuple[list[T], list[T]]:
    """Return so many of the items, at even distances from first to last, and the others."""
    places = {(2 * number + 1) * len(items) // (2 * most) for number in range(most)} if most < len(items) else set(range(len(items)))
    return [item for place, item in enumerate(items) if place in places], [item for place, item in enumerate(items) if place not in places]


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
    }
    return Row(name, lambda: open_variant(folders, name, training), about)


def ceiling_row(ensemble: Ensemble) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the accuracy of what the students were taught by, or why it is left out; it has no times, for nobody serves it."""
    if ensemble.teachers == 1:
        return {}, {}
    try:
        size, accuracy = ensemble.bytes(), ensemble.accuracy().model_dump(mode="json")
    except BonsaiError as error:
        return {}, {ensemble.said: reason(error)}
    row = {"kind": "ceiling", "made": "mean of their logits, in PyTorch; what students of them can reach", "bytes": size, "accuracy": accuracy}
    return {ensemble.said: {**row, "rounds": []}}, {}


def score_control(row: Row, dataset: Dataset, chosen: Sequence[int]) -> dict[str, Any]:
    """Return a control's accuracy on the test split, one text at a time (a variant's stands on its card); a slow row's on the chosen texts alone."""
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
    given, answer = read_evidence(variants / row.name).given, row.open()
    return sum(answer([dataset.test.texts[number]]) != [dataset.labels[given[number]]] for number in chosen)


def measure_rounds(rows: list[Row], texts: Texts, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Let every row have its turn in each round, in an order that begins elsewhere each time and runs backwards every second time."""
    taken: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    with Bar("measure", rounds * len(rows)) as bar:
        for turn in range(rounds):
            begin = turn * len(rows) // rounds
            order = [*rows[begin:], *rows[:begin]]
            for row in order if turn % 2 == 0 else reversed(order):
                taken[row.name].append(measure_turn(row, texts))
                bar.advance(row.name)
        bar.finish(f"{len(rows)} rows, {rounds} rounds, one thread")
    return taken


def measure_turn(row: Row, texts: Texts) -> dict[str, Any]:
    """Time one row: each text alone, then some in batches; what it takes to tokenize is part of both."""
    answer = row.open()
    answer(texts.training[:BATCH])
    for text in texts.training[:WARM_UP]:
        answer([text])
    few_times, few_seconds = times_alone(answer, texts.few), seconds(answer, texts.few_batched)
    few = {**quantiles(few_times), "texts_per_s": round(len(texts.few_batched) / few_seconds, 5)}
    if row.few:
        return few
    times, taken = few_times + times_alone(answer, texts.more), few_seconds + seconds(answer, texts.more_batched)
    return {**quantiles(times), "texts_per_s": round((len(texts.few_batched) + len(texts.more_batched)) / taken, 5), "few": few}


def seconds(answer: Answer, texts: list[str]) -> float:
    """Return what the texts take in batches."""
    if not texts:
        return 0.0
    start = time.perf_counter()
    answer(texts)
    return time.perf_counter() - start


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
    parser.add_argument(
        "--transfer", type=int, default=TRANSFER, help=f"how many of the students' transfer texts controls learn from at the most (default: {TRANSFER:,})"
    )
    parser.add_argument("--out", type=Path, help="result file (default: models/results/published/<data set>.json)")
    options = parser.parse_args(arguments)
    for name, least in (("rounds", LEAST_ROUNDS), ("texts", 1), ("transfer", 0)):
        if (given := getattr(options, name)) < least:
            raise BonsaiError(f"--{name} is {given}; expected at least {least}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when its A/A control says that it proves nothing, 2 for what the user can repair, 130 after Ctrl-C."""
    try:
        options = parse(arguments)
        result = bench(options.variants, options.dataset, options.rounds, options.texts, options.transfer)
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
