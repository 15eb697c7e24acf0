"""Build the variants of a recipe: `python -m models.build [--recipe F] [--dataset S] [--teacher S] [--only NAME] [--out
DIR]`, and more in its --help.
"""

import argparse
import math
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from models.build.addition import Addition, check_the_rest, plan_as_built, unless_named
from models.build.builder import Builder
from models.build.corpus import write_corpus
from models.build.current import is_current, is_unchanged
from models.build.inputs import say_inputs, why_no_head
from models.data.kept import write_dataset
from models.plan.plan import TEACHER, CascadePlan, Plan, VariantPlan, make_plan, read_inputs
from models.prove.latency import is_measured, measure_latency
from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.recipe.recipe import CascadeOf, Gate, Recipe
from models.report.build_results import REPORT_FILE
from models.report.table import print_table
from models.runtime.batching import Measured, read_measured
from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.files import DRAFT, publish, why_not_taken
from models.runtime.followed import tell
from models.runtime.progress import console
from models.runtime.store import (
    BUILD_FILE,
    OUT,
    Build,
    BuiltVariant,
    check_store,
    locked,
    read_build,
    save_variant,
    use_given_store,
    write_build,
)

MOST_UNUSED = 8  # times the teacher's graph: what steps of additions that came to nothing may take
FIGURES = ("version", "bytes", "parameters", "accuracy", "macro_f1", "agreement", "gate")  # of a card, told early


class GateClosed(BonsaiError):
    """A variant is worse than the recipe's gate lets pass."""


class TooSlow(BonsaiError):
    """A variant takes longer than it may."""


def build(
    recipe: Recipe, out: Path, only: str | None = None, addition: Addition | None = None, *, keep_head: bool = False
) -> Build:
    """Make what the recipe asks for and is not there yet; build.json is replaced last, once all of it is finished and
    has passed the gate. With `keep_head` a teacher that would have to be trained is refused.
    """
    only = addition.name if addition is not None else only
    if only is not None and only not in recipe.variants:
        raise BonsaiError(f"--only {only}: no such variant; the recipe has {', '.join(recipe.variants)}")
    given = _plan(recipe, keep_head) if addition is None else None
    check_store()  # not after hours of training
    with locked(out):
        for draft in out.glob(f"{DRAFT}*"):  # of a build that was killed
            shutil.rmtree(draft, ignore_errors=True)
        last = _last_build(out)
        as_built = None if addition is None else plan_as_built(recipe, addition, last, out)
        plan = as_built or given or _plan(recipe)
        current = [variant for variant in plan.variants if is_current(variant, out, last, len(plan.dataset.test))]
        needed = set[str]() if only is None else _needed(recipe, only).union(*(_parts(variant) for variant in current))
        wanted = [variant for variant in plan.variants if variant in current or only is None or variant.name in needed]
        names = [variant.name for variant in wanted]
        if addition is None and last is not None and (gone := [name for name in last.variants if name not in names]):
            console.print(f"no longer in the build: {', '.join(gone)}", markup=False, soft_wrap=True)
        if addition is not None:
            check_the_rest(recipe, addition, last, [variant.name for variant in current], out)
        unchanged = last is not None and wanted == current and is_unchanged(names, out, last)
        finished = (
            {name: out / name for name in names}
            if unchanged
            else _finish(plan, wanted, current, out, addition, say=as_built is None)
        )
        if addition is None:
            _judge(recipe.gate, finished, out)
        else:
            _prove(addition, plan, finished, out)
        if unchanged and last is not None:
            return last
        with unless_named(out, finished):
            _publish(finished, out)
            if addition is None:
                measure_latency({name: out / name for name in names}, plan.dataset, recipe.seed)
            write_dataset(plan.dataset, out)
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


def _plan(recipe: Recipe, keep_head: bool = False) -> Plan:
    checkpoint, dataset = read_inputs(recipe)
    plan = make_plan(recipe, dataset, checkpoint)
    if keep_head and not plan.training.keeps_head:
        reason = why_no_head(plan) or "it has no trained head"
        raise BonsaiError(
            f"teacher '{checkpoint.name}': {reason}; expected one that was fine-tuned for the data's labels, for "
            "--keep-head lets nothing be trained"
        )
    return plan


def _parts(variant: VariantPlan | CascadePlan) -> set[str]:
    return {variant.config.small, variant.config.large} if isinstance(variant, CascadePlan) else set()


def _needed(recipe: Recipe, only: str) -> set[str]:
    """Return the names of a variant, of what it is made of, and of the teacher."""
    made_of = recipe.variants[only]
    return {TEACHER, only} | ({made_of.small, made_of.large} if isinstance(made_of, CascadeOf) else set())


def _prove(addition: Addition, plan: Plan, finished: dict[str, Path], out: Path) -> None:
    """Judge the addition, and measure it before anybody is served by it (GateClosed, TooSlow)."""
    name, folder = addition.name, finished[addition.name]
    card = read_card(folder).content()
    tell(figures={key: card[key] for key in FIGURES if key in card})
    _judge(plan.recipe.gate.model_copy(update={"on_fail": addition.gate}), {name: folder}, out)
    tell(step=f"{name}: measure", share=0.0)
    if not is_measured(folder):
        measure_latency(finished, plan.dataset, plan.recipe.seed, [name])
    measured = read_measured(folder)
    if measured is None:
        raise BonsaiError(f"'{folder}' holds no figures of how long '{name}' takes; run the same command again")
    tell(figures={key: card[key] for key in FIGURES if key in card} | {"measured": measured._asdict()})
    if addition.under_ms is not None:
        check_fast(name, measured, addition.under_ms)


def check_fast(name: str, measured: Measured, under_ms: float) -> None:
    """Hold a variant to a goal by its mean: a cascade's median is its small variant's alone, however often it asks the
    large one (TooSlow).
    """
    if measured.mean_ms >= under_ms:
        raise TooSlow(f"'{name}' takes {measured.mean_ms:.3f} ms a text on average; expected less than {under_ms:g}")


def _judge(gate: Gate, finished: dict[str, Path], out: Path) -> None:
    if gate.on_fail == "warn":
        return
    verdicts = {name: read_card(folder).gate for name, folder in finished.items()}
    worse = [
        f"{name} by {100 * verdict.drop:.2f} points"
        for name, verdict in verdicts.items()
        if verdict is not None and verdict.verdict == "worse"
    ]
    if worse:
        raise GateClosed(
            f"worse than the teacher beyond {gate.max_drop} points: {', '.join(worse)}; '{out}' is left as it was, and "
            'takes them with gate.on_fail: warn in a recipe, or "force": true in a request'
        )


def _last_build(out: Path) -> Build | None:
    try:
        return read_build(out)
    except BonsaiError:
        return None


def _finish(
    plan: Plan,
    wanted: list[VariantPlan | CascadePlan],
    current: list[VariantPlan | CascadePlan],
    out: Path,
    addition: Addition | None,
    *,
    say: bool,
) -> dict[str, Path]:
    """Finish the variants, each in a folder of its own that nothing serves yet; those that are current stay where they
    are.
    """
    builder = Builder(plan, out, {variant.name: out / variant.name for variant in current})
    if addition is not None:  # many may fail before one forgets what they left
        builder.forget_unused_steps(MOST_UNUSED * read_card(out / TEACHER).bytes)
    if say:
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
            try:
                shutil.copytree(folder, draft)
                publish(draft, out / name)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise


def parse(arguments: list[str] | None) -> tuple[Recipe, Path, str | None, Addition | None, bool]:
    """Turn the command line into a recipe, a folder and the one variant asked for, or the one to add."""
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
    parser.add_argument("--dataset-config", metavar="NAME", help="which configuration of a Hugging Face id or folder")
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
    parser.add_argument(
        "--keep-head", action="store_true", help="refuse a teacher that was not fine-tuned for the data's labels"
    )
    parser.add_argument("--only", metavar="NAME", help="build the teacher and this variant alone")
    parser.add_argument(
        "--add",
        metavar="NAME",
        help="build this variant beside what is built, which stays as it is; it is served unless the gate says worse",
    )
    parser.add_argument(
        "--gate", choices=("warn", "error"), help="of --add; warn: add it though it is worse (default: error)"
    )
    parser.add_argument("--under-ms", type=float, metavar="MS", help="of --add: only if a text takes less on average")
    parser.add_argument("--out", type=Path, default=OUT, help="where the variants go (default: variants)")
    options = parser.parse_args(arguments)
    _check_together(options)
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
    addition = None if options.add is None else Addition(options.add, options.gate or "error", options.under_ms)
    return recipe, options.out, options.only, addition, options.keep_head


def _check_together(options: argparse.Namespace) -> None:
    """Refuse options that would do nothing, or something else (BonsaiError)."""
    if empty := [name for name, value in vars(options).items() if value == ""]:
        raise BonsaiError(f"--{empty[0].replace('_', '-')} is empty; expected a value, or no such option")
    alone = [name for name in ("gate", "under_ms") if getattr(options, name) is not None]
    if options.add is None and alone:
        raise BonsaiError(
            f"--{alone[0].replace('_', '-')} was given without --add; expected both: the gate of a whole build stands "
            "in its recipe (gate.on_fail)"
        )
    if options.add is not None and (options.only is not None or options.keep_head):
        other = "--keep-head" if options.keep_head else "--only"
        raise BonsaiError(f"{other} was given with --add; expected one of them: an addition takes the teacher as it is")
    if options.under_ms is not None and not 0 < options.under_ms < math.inf:
        raise BonsaiError(f"--under-ms is {options.under_ms:g}; expected milliseconds above 0")


def _report_is_current(out: Path) -> bool:
    report = out / REPORT_FILE
    return report.exists() and report.stat().st_mtime_ns >= (out / BUILD_FILE).stat().st_mtime_ns


def _report(out: Path) -> None:
    # Imported here: matplotlib takes a second, and an unchanged build does not need it.
    from models.report.page import write_report

    console.print(f"report: {write_report(out)}", markup=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one build; exit code 1 when the gate stops it, 2 for what the user can repair, 3 when it is
    slower than it may be, 130 after Ctrl-C.
    """
    use_given_store()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    try:
        recipe, out, only, addition, keep_head = parse(arguments)
        before = _last_build(out)
        made = build(recipe, out, only, addition, keep_head=keep_head)
        cards = [read_card(out / name) for name in made.variants]
        print_table(cards, out)
        unchanged = before is not None and before.generation == made.generation
        if not _report_is_current(out) and find_spec("matplotlib") is not None:  # where no torch is, it is not either
            _report(out)
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, GateClosed) else 3 if isinstance(error, TooSlow) else 2
    except KeyboardInterrupt:
        print("interrupted; the finished steps are kept, run the same command to go on", file=sys.stderr)
        return 130
    except Exception as error:
        reason = why_not_taken(error)
        if reason is None:
            raise
        print(
            f"error: the disk did not take what the build wrote ({reason}); the finished steps are kept: make room in "
            f"'{out}' and the BentoML home, and run the same command to go on",
            file=sys.stderr,
        )
        return 2
    megabytes = sum(card.bytes for card in cards if card.cascade is None) / 1e6
    console.print(
        f"{'unchanged' if unchanged else 'built'}: {len(cards)} variants, {megabytes:.0f} MB, build {made.build_id}, "
        f"generation {made.generation}"
    )
    return 0
