"""Build the variants of a recipe: `python -m models.build [--recipe F] [--dataset S] [--teacher S] [--only NAME] [--out
DIR]`, and more in its --help.
"""

import argparse
import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.build.corpus import write_corpus
from models.build.current import is_current, is_unchanged
from models.build.inputs import say_inputs
from models.plan.plan import TEACHER, CascadePlan, Plan, VariantPlan, make_plan, read_inputs
from models.prove.latency import measure_latency
from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.recipe.recipe import CascadeOf, Recipe
from models.report.build_results import REPORT_FILE
from models.report.table import print_table
from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.files import DRAFT, publish
from models.runtime.progress import console
from models.runtime.store import (
    BUILD_FILE,
    OUT,
    Build,
    BuiltVariant,
    check_store,
    read_build,
    save_variant,
    write_build,
)


class GateClosed(BonsaiError):
    """A variant is worse than the recipe's gate lets pass."""


def build(recipe: Recipe, out: Path, only: str | None = None) -> Build:
    """Make what the recipe asks for and is not there yet; build.json is replaced last, once all of it is finished and
    has passed the gate.
    """
    if only is not None and only not in recipe.variants:
        raise BonsaiError(f"--only {only}: no such variant; the recipe has {', '.join(recipe.variants)}")
    checkpoint, dataset = read_inputs(recipe)
    plan = make_plan(recipe, dataset, checkpoint)
    check_store()  # not after hours of training
    with locked(out):
        last = _last_build(out)
        current = [variant for variant in plan.variants if is_current(variant, out, last, len(plan.dataset.test))]
        wanted = [
            variant
            for variant in plan.variants
            if variant in current or only is None or variant.name in _needed(recipe, only)
        ]
        names = [variant.name for variant in wanted]
        unchanged = last is not None and wanted == current and is_unchanged(names, out, last)
        finished = {name: out / name for name in names} if unchanged else _finish(plan, wanted, current, out)
        _judge(recipe, finished, out)
        if unchanged and last is not None:
            return last
        _publish(finished, out)
        measure_latency({name: out / name for name in names}, plan.dataset, recipe.seed)
        corpus = write_corpus(plan.dataset, names, out)
        built = {
            variant.name: BuiltVariant(tag=save_variant(out / variant.name), key=variant.key) for variant in wanted
        }
        generation = last.generation + 1 if last else 1
        content = {
            "recipe": recipe.model_dump(mode="json"),
            "dataset": plan.dataset.describe(),
            "corpus_sha256": corpus,
        }
        return write_build(out, generation, variants=built, **content)


def _needed(recipe: Recipe, only: str) -> set[str]:
    """Return the names of a variant, of what it is made of, and of the teacher."""
    made_of = recipe.variants[only]
    return {TEACHER, only} | ({made_of.small, made_of.large} if isinstance(made_of, CascadeOf) else set())


def _judge(recipe: Recipe, finished: dict[str, Path], out: Path) -> None:
    if recipe.gate.on_fail == "warn":
        return
    gates = {name: read_card(folder).gate for name, folder in finished.items()}
    worse = [
        f"{name} by {100 * gate.drop:.2f} points"
        for name, gate in gates.items()
        if gate is not None and gate.verdict == "worse"
    ]
    if worse:
        raise GateClosed(
            f"worse than the teacher beyond {recipe.gate.max_drop} points: {', '.join(worse)}; '{out}' is left as it "
            "was (gate.on_fail: error)"
        )


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the output folder for this build alone."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BonsaiError(
                f"another build is writing to '{out}'; wait for it, or give another folder with --out"
            ) from error
        yield


def _last_build(out: Path) -> Build | None:
    try:
        return read_build(out)
    except BonsaiError:
        return None


def _finish(
    plan: Plan, wanted: list[VariantPlan | CascadePlan], current: list[VariantPlan | CascadePlan], out: Path
) -> dict[str, Path]:
    """Finish the variants, each in a folder of its own that nothing serves yet; those that are current stay where they
    are.
    """
    # Imported here: torch takes seconds, and an unchanged build does not need it.
    from models.build.builder import Builder

    builder = Builder(plan, out, {variant.name: out / variant.name for variant in current})
    say_inputs(plan, builder.coverages)
    finished = {variant.name: builder.build(variant.name) for variant in wanted}
    builder.forget_unused_steps()
    return finished


def _publish(finished: dict[str, Path], out: Path) -> None:
    """Put finished variants where the service and the benchmark look for them: after the gate, so that a closed one
    leaves no mixture of builds.
    """
    for name, folder in finished.items():
        if folder != out / name:
            draft = out / f"{DRAFT}{name}"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(folder, draft)
            publish(draft, out / name)


def parse(arguments: list[str] | None) -> tuple[Recipe, Path, str | None]:
    """Turn the command line into a recipe, a folder and the one variant asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m models.build",
        description="Build the variants of a recipe and put them into the BentoML model store.",
    )
    parser.add_argument(
        "--recipe", type=Path, default=DEFAULT_RECIPE, help="YAML file (default: models/recipes/default.yaml)"
    )
    parser.add_argument(
        "--dataset",
        help=(
            "embedded, a CSV, TSV, JSON, JSONL, Parquet or Arrow file, a folder, or a Hugging Face id; instead of "
            "the recipe's"
        ),
    )
    parser.add_argument("--dataset-config", metavar="NAME", help="which configuration of a Hugging Face id")
    parser.add_argument(
        "--text-column", metavar="NAME", help="the column that holds the texts, where it has none of the usual names"
    )
    parser.add_argument("--label-column", metavar="NAME", help="the column that holds the labels, likewise")
    parser.add_argument(
        "--skip-unusable",
        action="store_true",
        default=None,
        help="leave out rows without a text or a label, and say how many, instead of ending",
    )
    parser.add_argument("--teacher", help="embedded, a local folder, or a Hugging Face id; instead of the recipe's")
    parser.add_argument("--only", metavar="NAME", help="build the teacher and this variant alone")
    parser.add_argument("--out", type=Path, default=OUT, help="where the variants go (default: variants)")
    options = parser.parse_args(arguments)
    recipe = load_recipe(options.recipe)
    given = {
        "teacher": {"source": options.teacher},
        "dataset": {
            "source": options.dataset,
            "config": options.dataset_config,
            "text_column": options.text_column,
            "label_column": options.label_column,
            "skip_unusable": options.skip_unusable,
        },
    }
    for name, values in given.items():
        changes = {key: value for key, value in values.items() if value is not None}
        recipe = recipe.model_copy(update={name: getattr(recipe, name).model_copy(update=changes)})
    return recipe, options.out, options.only


def _report_is_current(out: Path) -> bool:
    report = out / REPORT_FILE
    return report.exists() and report.stat().st_mtime_ns >= (out / BUILD_FILE).stat().st_mtime_ns


def _report(out: Path) -> None:
    # Imported here: matplotlib takes a second, and an unchanged build does not need it.
    from models.report.page import write_report

    console.print(f"report: {write_report(out)}", markup=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one build; exit code 1 when the gate stops it, 2 for what the user can repair, 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    try:
        recipe, out, only = parse(arguments)
        before = _last_build(out)
        made = build(recipe, out, only)
        cards = [read_card(out / name) for name in made.variants]
        print_table(cards, out)
        unchanged = before is not None and before.generation == made.generation
        if not _report_is_current(out):
            _report(out)
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, GateClosed) else 2
    except KeyboardInterrupt:
        print("interrupted; the finished steps are kept, run the same command to go on", file=sys.stderr)
        return 130
    megabytes = sum(card.bytes for card in cards if card.cascade is None) / 1e6
    console.print(
        f"{'unchanged' if unchanged else 'built'}: {len(cards)} variants, {megabytes:.0f} MB, build {made.build_id}, "
        f"generation {made.generation}"
    )
    return 0
