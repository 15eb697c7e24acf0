"""Accuracy against the share of weights removed (Han et al. 2015, figure 5), computed on BERT: at once without and with
retraining, after training with an L1 or an L2 penalty, and step by step.

Each penalty's network is the teacher, trained some epochs more with that penalty; its L1 or L2 goes on in retraining.
The step-by-step curve visits its shares one after the other, each from the last one's model, so that by a large share
it has been trained for more epochs; `at once, as long` has as many in one go: what of it is the steps' worth.
"""

import argparse
import copy

import torch
from transformers import BertForSequenceClassification

from models.figures.cells import Cell, Cells, picture_of, place_of
from models.figures.claims import claims
from models.figures.lesson import Lesson, add_sources, begin, default_recipe, prepare
from models.figures.pruning_picture import check_histograms, draw
from models.figures.rows import packed
from models.passes.sparsify import learn, sparsify
from models.plan.plan import TRAINING_LIBRARIES, versions_of
from models.recipe.passes import PASSES, Sparsify
from models.runtime.cpu import cpu_name
from models.runtime.errors import BonsaiError
from models.runtime.files import check_place
from models.runtime.progress import console
from models.runtime.store import locked
from models.train.connections import linear_weights
from models.train.numerics import reproducible

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CURVES = {  # norm, retrained
    "l1": ("l1", False),
    "l2": ("l2", False),
    "l1, retrained": ("l1", True),
    "l2, retrained": ("l2", True),
    "l2, step by step": ("l2", True),
    "l2, at once, as long": ("l2", True),
}
LONG = "l2, at once, as long"
STEPPED = "l2, step by step"
LONG_FROM = 0.9  # below it the two are hardly apart, and these are the longest of all cells
DECAY = {"l1": 0.5, "l2": 3.0}
PREPARE, EPOCHS, LEARNING_RATE = 5, 5, 3e-4
SHOWN = 0.9  # share of the histograms
BINS, WIDEST = 121, 0.2


def main(arguments: list[str]) -> None:
    """Compute the cells that are not there yet, then the claims and the picture beside the result file."""
    options = _parse(arguments)
    check_place(options.out)
    picture_of(options.out)
    with reproducible(), locked(options.work):
        _make(options)


def _make(options: argparse.Namespace) -> None:
    plan = prepare(default_recipe(options.teacher, options.dataset))
    sparsified = Sparsify(learning_rate=LEARNING_RATE, last_epochs=EPOCHS, scope="global")
    conditions: Cell = {
        "dataset": plan.dataset.describe(),
        "teacher": {"source": plan.checkpoint.name, **plan.recipe.teacher.model_dump(exclude={"source"})},
        "key": plan.teacher_keys[0],
        "options": sparsified.model_dump(
            mode="json", include={"learning_rate", "scope", "batch_size", "temperature", "alpha", "hidden", "transfer"}
        ),
        "decay": DECAY,
        "prepare": PREPARE,
        "epochs": EPOCHS,
        "version": PASSES["sparsify"].version,
        "libraries": versions_of(TRAINING_LIBRARIES),
    }
    cells = Cells(options.out, "pruning", conditions, {"curve": str, "share": float, "seed": int})
    check_histograms(cells.content, options.out)
    lesson = begin(plan, options.work, options.build)
    cells.once(lambda: _scored(lesson, lesson.teacher), curve="teacher", share=0.0, seed=0)
    for seed in range(options.seeds):
        for curve in options.curves:
            for share in options.shares:
                if _is_computed(curve, share):
                    console.print(f"[bold]{curve}[/], {100 * share:.0f} %, seed {seed}", highlight=False)
                    cells.once(lambda: _cell(lesson, curve, share, seed), curve=curve, share=share, seed=seed)
    if {"l2", STEPPED} <= set(options.curves):
        cells.write(histograms=_histograms(lesson))
    cells.write(claims=claims(cells.content), cpu=cpu_name(), complete=True)
    picture = picture_of(options.out)
    draw(cells.content, picture)
    for claim in cells.content["claims"]:
        console.print(
            f"  {claim['says']}: {claim['difference']:+.2f} [{claim['low']:+.2f}, {claim['high']:+.2f}] points",
            highlight=False,
        )
    console.print(f"{options.out}, {picture}", highlight=False, soft_wrap=True)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.figures pruning",
        description="Accuracy against the share of weights removed; the same command goes on where a run ended.",
    )
    add_sources(parser, place_of("pruning"))
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds of the retraining (default: 1)")
    parser.add_argument(
        "--curves",
        nargs="+",
        choices=tuple(CURVES),
        default=list(CURVES),
        metavar="CURVE",
        help=f"some of: {'; '.join(CURVES)} (default: all)",
    )
    parser.add_argument(
        "--shares",
        nargs="+",
        type=float,
        default=list(SHARES),
        metavar="SHARE",
        help=f"some of {' '.join(map(str, SHARES))}",
    )
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        raise BonsaiError(f"--seeds is {options.seeds}; expected at least 1")
    if odd := set(options.shares) - set(SHARES):
        raise BonsaiError(f"--shares holds {min(odd)}; expected some of {', '.join(map(str, SHARES))}")
    if not any(_is_computed(curve, share) for curve in options.curves for share in options.shares):
        raise BonsaiError(
            f"--shares holds {max(options.shares)} at most; expected {LONG_FROM} or more: there '{LONG}' begins"
        )
    return options


def _is_computed(curve: str, share: float) -> bool:
    return curve != LONG or share >= LONG_FROM


def _cell(lesson: Lesson, curve: str, share: float, seed: int) -> Cell:
    return _scored(lesson, _model(lesson, curve, share, seed))


def _scored(lesson: Lesson, model: BertForSequenceClassification) -> Cell:
    right = lesson.right(model)
    return {"accuracy": float(right.mean()), "right": packed(right)}


def _model(lesson: Lesson, curve: str, share: float, seed: int) -> BertForSequenceClassification:
    norm, retrained = CURVES[curve]
    place = SHARES.index(share)
    if curve == STEPPED:
        return _stepped(lesson, place, seed)
    epochs = EPOCHS * (place + 1) if curve == LONG else EPOCHS
    return sparsify(_prepared(lesson, norm, seed), lesson.data, _config(norm, share, retrained, epochs), seed=seed)


def _config(norm: str, share: float, retrained: bool, epochs: int = EPOCHS) -> Sparsify:
    cut = {"share": share, "scope": "global"}
    learned = {"norm": norm, "decay": DECAY[norm], "learning_rate": LEARNING_RATE, "steps": 1, "last_epochs": epochs}
    return Sparsify.model_validate({**cut, **(learned if retrained else {"retrain": False})})


def _prepared(lesson: Lesson, norm: str, seed: int) -> BertForSequenceClassification:
    """Return the teacher after some epochs more with a penalty."""

    def work() -> BertForSequenceClassification:
        model = copy.deepcopy(lesson.teacher)
        schedule = Sparsify.model_validate(
            {"norm": norm, "decay": DECAY[norm], "epochs": PREPARE, "learning_rate": LEARNING_RATE}
        )
        learn(model, lesson.data, schedule, seed=seed, title=f"{norm} penalty", keep_last=True)
        return model

    return lesson.once(work, "penalty", norm, DECAY[norm], PREPARE, LEARNING_RATE, seed)


def _stepped(lesson: Lesson, place: int, seed: int) -> BertForSequenceClassification:
    """Return the step-by-step curve's model at the share of this place, from the one before."""
    if place < 0:
        return _prepared(lesson, "l2", seed)

    def work() -> BertForSequenceClassification:
        return sparsify(
            _stepped(lesson, place - 1, seed), lesson.data, _config("l2", SHARES[place], retrained=True), seed=seed
        )

    return lesson.once(
        work,
        "stepped",
        SHARES[: place + 1],
        DECAY["l2"],
        PREPARE,
        EPOCHS,
        LEARNING_RATE,
        PASSES["sparsify"].version,
        seed,
    )


def _histograms(lesson: Lesson) -> Cell:
    """Count the encoder's linear weights by size before, after a cut and after retraining (zeros apart)."""
    models = {
        "before": _prepared(lesson, "l2", 0),
        "pruned": _model(lesson, "l2", SHOWN, 0),
        "retrained": _stepped(lesson, SHARES.index(SHOWN), 0),
    }
    counts = {name: _counted(model) for name, model in models.items()}
    return {"share": SHOWN, "from": -WIDEST, "to": WIDEST, **counts}


@torch.no_grad()
def _counted(model: BertForSequenceClassification) -> Cell:
    weights = torch.cat([weight.flatten() for layer in linear_weights(model) for weight in layer])
    left = weights[weights != 0]
    return {"zeros": len(weights) - len(left), "counts": torch.histc(left, BINS, -WIDEST, WIDEST).long().tolist()}
