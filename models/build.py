"""Build the variants of a recipe: `python -m models.build [--recipe F] [--dataset S] [--teacher S] [--only NAME] [--out DIR]`."""

import argparse
import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.card import read_card
from models.dataset import Dataset, load_dataset
from models.errors import BonsaiError
from models.evidence import read_evidence
from models.loading import check_model_file
from models.plan import TEACHER, CascadePlan, Plan, VariantPlan, make_plan
from models.progress import console
from models.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from models.store import Build, BuiltVariant, in_store, read_build, save_variant, write_build
from models.table import print_table
from models.teacher import find_teacher

OUT = Path("variants")
CORPUS_FILE = "corpus.jsonl"


def build(recipe: Recipe, out: Path, only: str | None = None) -> Build:
    """Make what the recipe asks for and is not there yet; build.json is replaced last, once all of it is finished."""
    if only is not None and only not in recipe.variants:
        raise BonsaiError(f"--only {only}: no such variant; the recipe has {', '.join(recipe.variants)}")
    plan = make_plan(recipe, load_dataset(recipe.dataset, recipe.seed), find_teacher(recipe.teacher))
    with locked(out):
        last = _last_build(out)
        current = [variant for variant in plan.variants if is_current(variant, out, last)]
        wanted = [variant for variant in plan.variants if variant in current or only in (None, variant.name) or variant.name == TEACHER]
        if last is not None and wanted == current and list(last.variants) == [variant.name for variant in wanted]:
            return last
        _grow(plan, wanted, current, out)
        _write_corpus(plan.dataset, wanted, out)
        built = {variant.name: BuiltVariant(tag=save_variant(out / variant.name), key=variant.key) for variant in wanted}
        generation = last.generation + 1 if last else 1
        return write_build(out, generation, recipe=recipe.model_dump(mode="json"), dataset=plan.dataset.describe(), variants=built)


def is_current(variant: VariantPlan | CascadePlan, out: Path, last: Build | None) -> bool:
    """Tell whether the last build made exactly this variant and its folder and its model in the store are still whole."""
    built = last.variants.get(variant.name) if last else None
    if built is None or built.key != variant.key or not in_store(built.tag):
        return False
    try:
        card = read_card(out / variant.name)
        check_model_file(out / variant.name, card)
    except BonsaiError:
        return False
    return built.tag.endswith(card.version)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the output folder for this build alone."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BonsaiError(f"another build is writing to '{out}'; wait for it, or give another folder with --out") from error
        yield


def _last_build(out: Path) -> Build | None:
    try:
        return read_build(out)
    except BonsaiError:
        return None


def _grow(plan: Plan, wanted: list[VariantPlan | CascadePlan], current: list[VariantPlan | CascadePlan], out: Path) -> None:
    # Imported here: torch takes seconds, and an unchanged build does not need it.
    from models.grow import Nursery
    from models.measure import measure

    nursery = Nursery(plan, out)
    for variant in wanted:
        if variant not in current:
            nursery.grow(variant)
    nursery.forget_unused_steps()
    measure({variant.name: out / variant.name for variant in wanted}, plan.dataset.test.texts)


def _write_corpus(dataset: Dataset, wanted: list[VariantPlan | CascadePlan], out: Path) -> None:
    """Write the test texts, each with its gold label and the label that every variant gave at batch 1."""
    given = {variant.name: read_evidence(out / variant.name).given for variant in wanted}
    draft = out / f".{CORPUS_FILE}"
    with draft.open("w", encoding="utf-8") as file:
        for row, (text, label) in enumerate(zip(dataset.test.texts, dataset.test.labels, strict=True)):
            expected = {name: dataset.labels[numbers[row]] for name, numbers in given.items()}
            file.write(json.dumps({"text": text, "label": dataset.labels[label], "expected": expected}, ensure_ascii=False) + "\n")
    draft.replace(out / CORPUS_FILE)


def parse(arguments: list[str] | None) -> tuple[Recipe, Path, str | None]:
    """Turn the command line into a recipe, a folder and the one variant asked for."""
    parser = argparse.ArgumentParser(prog="python -m models.build", description="Build the variants of a recipe and put them into the BentoML model store.")
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE, help="YAML file (default: models/recipes/default.yaml)")
    parser.add_argument("--dataset", help="embedded, a CSV, JSONL or Parquet file, a folder, or a Hugging Face id; instead of the recipe's")
    parser.add_argument("--teacher", help="embedded, a local folder, or a Hugging Face id; instead of the recipe's")
    parser.add_argument("--only", metavar="NAME", help="build the teacher and this variant alone")
    parser.add_argument("--out", type=Path, default=OUT, help="where the variants go (default: variants)")
    options = parser.parse_args(arguments)
    recipe = load_recipe(options.recipe)
    for name in ("dataset", "teacher"):
        if (source := getattr(options, name)) is not None:
            recipe = recipe.model_copy(update={name: getattr(recipe, name).model_copy(update={"source": source})})
    return recipe, options.out, options.only


def main(arguments: list[str] | None = None) -> int:
    """Run one build; exit code 2 for what the user can repair, 130 after Ctrl-C."""
    try:
        recipe, out, only = parse(arguments)
        before = _last_build(out)
        made = build(recipe, out, only)
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the finished steps are kept, run the same command to go on", file=sys.stderr)
        return 130
    cards = [read_card(out / name) for name in made.variants]
    print_table(cards, out)
    unchanged = before is not None and before.generation == made.generation
    megabytes = sum(card.bytes for card in cards if card.cascade is None) / 1e6
    console.print(f"{'unchanged' if unchanged else 'built'}: {len(cards)} variants, {megabytes:.0f} MB, build {made.build_id}, generation {made.generation}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
