"""What is removed matters for speed: single weights, 4 x 4 blocks, FFN neurons, attention heads or layers, as many
parameters each, retrained alike, with their accuracy and the time that ONNX Runtime takes.

Weights and blocks leave zeros in matrices of the same size; neurons, heads and layers leave smaller matrices, or fewer.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from transformers import BertForSequenceClassification

from models.figures.cells import Cell, Cells, place_of
from models.figures.granularity_table import GRANULARITIES, TEACHER, markdown, row_name
from models.figures.lesson import Lesson, add_sources, begin, default_recipe, prepare
from models.figures.rows import packed
from models.graph.export import export_onnx
from models.graph.stored import stored
from models.graph.tokenizer import write_tokenizer
from models.passes.distill import distill
from models.passes.prune import prune
from models.passes.sparsify import sparsify
from models.plan.plan import TRAINING_LIBRARIES, versions_of
from models.prove.latency import MET, WARM_UP, Answer, answering, conditions, sample, times_alone
from models.recipe.passes import PASSES, Distill, Prune, Sparsify
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import BATCH, Classifier
from models.runtime.errors import BonsaiError
from models.runtime.files import check_place
from models.runtime.progress import Bar, console
from models.runtime.store import locked
from models.train.connections import linear_weights, sparsity
from models.train.encoder import layers, save_model
from models.train.numerics import reproducible

REMOVED = (1 / 6, 1 / 2, 5 / 6)  # a layer, three and five of all-MiniLM's six
EPOCHS, LEARNING_RATE = 6, 3e-4
TEXTS = 200
ENTRIES = {  # of a cell, beside its accuracy and which rows are right
    "granularity": str,
    "removed": float,
    "gone": float,
    "zeros": float,
    "bytes": int,
    "bytes_compressed": int,
}


def main(arguments: list[str]) -> None:
    """Compute the cells that are not there yet, time all of them anew in turns, and print the table."""
    options = _parse(arguments)
    check_place(options.out)
    with reproducible(), locked(options.work):
        _make(options)


def _make(options: argparse.Namespace) -> None:
    plan = prepare(default_recipe(options.teacher, options.dataset))
    described: Cell = {
        "dataset": plan.dataset.describe(),
        "teacher": {"source": plan.checkpoint.name, **plan.recipe.teacher.model_dump(exclude={"source"})},
        "key": plan.teacher_keys[0],
        "training": {"learning_rate": LEARNING_RATE, "epochs": EPOCHS},
        "versions": {name: PASSES[name].version for name in ("prune", "distill", "sparsify")},
        "libraries": versions_of(TRAINING_LIBRARIES),
    }
    cells = Cells(options.out, "granularity", described, ENTRIES)
    lesson = begin(plan, options.work, options.build)
    whole = linear_parameters(lesson.teacher)
    cells.once(lambda: _scored(lesson, lesson.teacher, whole), granularity=TEACHER, removed=0.0)
    for removed in REMOVED:
        for granularity in GRANULARITIES:
            if work := cutting(lesson, granularity, removed):
                console.print(f"[bold]{granularity}[/], {100 * removed:.0f} %", highlight=False)
                cells.once(
                    lambda work=work: _scored(lesson, work(), whole),  # type: ignore[misc]
                    granularity=granularity,
                    removed=round(removed, 4),
                )
    with tempfile.TemporaryDirectory(prefix="bonsai-granularity-") as folder:
        times = _timed(lesson, cells, Path(folder), options.rounds)
    cells.write(times=times, measured=conditions(), complete=True)
    print(markdown(cells.content))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.figures granularity",
        description="Accuracy and speed of five granularities at equal parameters; the same command goes on where a "
        "run ended, and times all of them anew.",
    )
    add_sources(parser, place_of("granularity"))
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed, in turns (default: 5)")
    options = parser.parse_args(arguments)
    if options.rounds < 2:
        raise BonsaiError(f"--rounds is {options.rounds}; expected at least 2")
    return options


def linear_parameters(model: BertForSequenceClassification) -> int:
    """Count the weights of the encoder's linear layers that are not zero."""
    return sum(int((weight != 0).sum()) for layer in linear_weights(model) for weight in layer)


def cutting(lesson: Lesson, granularity: str, removed: float) -> Callable[[], BertForSequenceClassification] | None:
    """Return what removes this share of the encoder's linear weights and retrains, found again once it is done; none
    where so many are not to be had so.
    """
    config = _config(lesson.teacher, granularity, removed)
    if config is None:
        return None
    function = {Sparsify: sparsify, Prune: prune, Distill: distill}[type(config)]

    def work() -> BertForSequenceClassification:
        return function(lesson.teacher, lesson.data, config, seed=0)  # type: ignore[operator, no-any-return]

    key = granularity, config.model_dump(mode="json"), PASSES[config.pass_name()].version
    return lambda: lesson.once(work, *key)


def _config(
    model: BertForSequenceClassification, granularity: str, removed: float
) -> Sparsify | Prune | Distill | None:
    """Return the options of the pass that removes so many weights."""
    first = layers(model)[0]
    attention = 4 * first.attention.self.query.weight.numel()
    whole, heads = attention + 2 * first.intermediate.dense.weight.numel(), first.attention.self.num_attention_heads
    if granularity in ("weight", "4x4 block"):
        block = [1, 1] if granularity == "weight" else [4, 4]
        cut = {"share": removed, "steps": 1, "block": block, "scope": "global", "last_epochs": EPOCHS}
        return Sparsify.model_validate({**cut, "learning_rate": LEARNING_RATE})
    if granularity == "layer":
        kept = round(len(layers(model)) * (1 - removed))
        return Distill(layers=kept, epochs=EPOCHS, learning_rate=LEARNING_RATE) if kept else None
    if granularity == "neuron":
        neurons = removed * whole / (whole - attention)
        return (
            Prune(remove_heads=0, remove_ffn=neurons, epochs=EPOCHS, learning_rate=LEARNING_RATE)
            if neurons < 1
            else None
        )
    gone = round(removed * whole / attention * heads)
    return (
        Prune(remove_heads=gone, remove_ffn=0.0, epochs=EPOCHS, learning_rate=LEARNING_RATE) if gone < heads else None
    )


def _scored(lesson: Lesson, model: BertForSequenceClassification, whole: int) -> Cell:
    right = lesson.right(model)
    with tempfile.TemporaryDirectory(prefix="bonsai-granularity-") as folder:
        export_onnx(model, lesson.tokenizer.frame[0], Path(folder))
        kept = stored(Path(folder) / MODEL_FILE)
        size = (Path(folder) / MODEL_FILE).stat().st_size
    zeros = sparsity([weight for layer in linear_weights(model) for weight in layer])
    return {
        "accuracy": float(right.mean()),
        "right": packed(right),
        "gone": 1 - linear_parameters(model) / whole,
        "zeros": zeros,
        "bytes": size,
        "bytes_compressed": kept.bytes_compressed,
    }


def _timed(lesson: Lesson, cells: Cells, folder: Path, rounds: int) -> Cell:
    """Time every cell's graph in turns, one thread: a text by itself, and batches of 32 sorted by length."""
    classifiers = {
        row_name(cell): _opened(lesson, cell, folder / str(number)) for number, cell in enumerate(cells.finished)
    }
    texts = sorted(sample(lesson.dataset.test.texts, TEXTS, 0), key=len)
    training = sample(lesson.dataset.train.texts, MET, 0)
    taken: dict[str, Cell] = {name: {"p50_ms": [], "batch_ms_a_text": []} for name in classifiers}
    names = list(classifiers)
    with Bar("time", rounds * len(classifiers)) as bar:
        for turn in range(rounds):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                answer = answering(classifiers[name], training)
                times_alone(answer, texts[:WARM_UP])
                taken[name]["p50_ms"].append(median(times_alone(answer, texts)))
                batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
                each = [_batch_ms(answer, batch) for batch in batches]
                taken[name]["batch_ms_a_text"].append(sum(each) / len(texts))
                bar.advance()
        bar.finish(f"{len(texts)} texts, {rounds} rounds, one thread")
    return taken


def _batch_ms(answer: Answer, batch: list[str]) -> float:
    started = time.perf_counter()
    answer(batch)
    return (time.perf_counter() - started) * 1000


def _opened(lesson: Lesson, cell: Cell, folder: Path) -> Classifier:
    folder.mkdir()
    model = lesson.teacher
    if cell["granularity"] != TEACHER:
        removed = next(share for share in REMOVED if round(share, 4) == cell["removed"])
        work = cutting(lesson, cell["granularity"], removed)
        assert work is not None
        model = work()
    save_model(model, folder)
    export_onnx(model, lesson.tokenizer.frame[0], folder)
    max_tokens = lesson.plan.recipe.teacher.max_tokens
    write_tokenizer(lesson.plan.checkpoint.folder / "tokenizer.json", max_tokens, folder)
    return Classifier(folder, max_tokens=max_tokens)
