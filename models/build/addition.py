"""One variant more beside what is built: planned from the build itself, where no training is needed, by the teacher,
the data and the libraries that it names.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from models.data.kept import read_dataset
from models.plan.built import read_built_teacher
from models.plan.plan import TEACHER, Plan, VariantPlan, make_plan
from models.plan.steps import Steps
from models.recipe.recipe import Recipe
from models.runtime.card import CARD_FILE, CONTENT_FILES
from models.runtime.errors import BonsaiError
from models.runtime.files import DRAFT, publish
from models.runtime.model_file import is_one_file, join
from models.runtime.store import BUILD_COMMAND, Build, read_build, stored

WITH_TORCH = "run 'make env' in the project's folder, and build there"


class Addition(NamedTuple):
    """One variant more, beside what is built already and stays as it is: whether the gate stops it, and the
    milliseconds that a text may take on average.
    """

    name: str
    gate: str = "error"  # or warn
    under_ms: float | None = None


def plan_as_built(recipe: Recipe, addition: Addition, last: Build | None, out: Path) -> Plan | None:
    """Return the plan of a build with an addition, by what the build says of its teacher and its data.

    None where that does not do and the recipe's own inputs are to be read: they are others, the build is of an earlier
    version, or the addition is to be trained (BonsaiError where there is no torch to do so).
    """
    if last is None or not _same_inputs(recipe, last):
        return None
    try:
        _put_back(last, out)
        checkpoint, training = read_built_teacher(out / TEACHER)
        plan = make_plan(recipe, read_dataset(out, last.dataset.get("sha256")), checkpoint, training)
    except BonsaiError:
        if find_spec("torch") is None:
            raise
        return None
    steps, made = Steps(out / ".steps"), {plan_.graph_keys[-1] for plan_ in _as_planned(plan, last)}
    variant = next(variant for variant in plan.variants if variant.name == addition.name)
    if isinstance(variant, VariantPlan) and not any(key in made or steps.has(key) for key in variant.graph_keys):
        if find_spec("torch") is None:
            raise BonsaiError(
                f"'{addition.name}' is to be trained, which needs torch, and it is not installed here; {WITH_TORCH}"
            )
        return None
    return plan


def check_the_rest(recipe: Recipe, addition: Addition, last: Build | None, current: list[str], out: Path) -> None:
    """Refuse to build anything but the addition (BonsaiError)."""
    if last is None:
        raise BonsaiError(
            f"nothing is built in '{out}' that '{addition.name}' could be added to; run '{BUILD_COMMAND}'"
        )
    if missing := [name for name in last.variants if name not in (TEACHER, *recipe.variants)]:
        raise BonsaiError(
            f"'{addition.name}' cannot be added: the recipe lacks {', '.join(missing)}, of the build in '{out}'; "
            f"expected the recipe of that build with one variant more, or run '{BUILD_COMMAND}' to build anew"
        )
    others = [name for name in last.variants if name not in (*current, addition.name)]
    if others:
        raise BonsaiError(
            f"'{addition.name}' cannot be added: {', '.join(others)} would not come out as built (the data, the "
            f"teacher, the libraries or a file have changed since); run '{BUILD_COMMAND}' to build all anew"
        )


@contextmanager
def unless_named(out: Path, names: Iterable[str]) -> Iterator[None]:
    """Remove the folders of these variants again where publishing them fails, but for those that build.json names: a
    first build's steps and an earlier build's variants stay.
    """
    try:
        yield
    except BaseException:
        with suppress(BonsaiError):
            named = read_build(out).variants
            for name in names:
                if name not in named:
                    shutil.rmtree(out / name, ignore_errors=True)
        raise


def _same_inputs(recipe: Recipe, last: Build) -> bool:
    """Tell whether a recipe is of the build's teacher, data, gate and seed."""
    ours = recipe.model_dump(mode="json", exclude={"variants": True, "gate": {"on_fail"}})
    try:
        theirs = Recipe.model_validate(last.recipe)
    except ValidationError:
        return False
    return ours == theirs.model_dump(mode="json", exclude={"variants": True, "gate": {"on_fail"}})


def _as_planned(plan: Plan, last: Build) -> list[VariantPlan]:
    """Return those variants of the plan that the build has made just so."""
    return [
        variant
        for variant in plan.variants
        if isinstance(variant, VariantPlan)
        and variant.name in last.variants
        and last.variants[variant.name].key == variant.key
    ]


def _put_back(last: Build, out: Path) -> None:
    """Copy the variants that only the model store holds, as of a Bento, to where a build looks for them (BonsaiError).

    What travels beside them, figures and predictions, stays.
    """
    for name, built in last.variants.items():
        folder = out / name
        if (folder / CARD_FILE).exists():
            continue
        source, draft = stored(built.tag), out / f"{DRAFT}{name}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft) if folder.exists() else draft.mkdir()
        for name in (CARD_FILE, *CONTENT_FILES):
            if (source / name).exists():
                shutil.copyfile(source / name, draft / name)
        if not is_one_file(source):
            join(source, draft)
        publish(draft, folder)
