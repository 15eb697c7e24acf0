"""Some variants of a recipe, and new ones beside those that stay."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.build.command import TooSlow, check_fast, main
from models.runtime.batching import Measured
from models.runtime.card import read_card
from models.runtime.store import read_build
from tests.models.build.conftest import finished, versions
from tests.models.conftest import VARIANTS


def test_a_new_variant_redoes_nothing_else(copied: Path, tiny_recipe: Path, changed: Callable[..., str]) -> None:
    before, steps = versions(copied), finished(copied)
    variants = json.loads(tiny_recipe.read_text())["variants"]
    new = {"tiny": [{"distill": {"layers": 1, "epochs": 2}}]}
    assert main(["--recipe", changed(variants=variants | new), "--out", str(copied)]) == 0
    assert {name: version for name, version in versions(copied).items() if name != "tiny"} == before
    assert steps.items() < finished(copied).items()
    assert read_build(copied).generation == 2
    assert list(json.loads((copied / "corpus.jsonl").read_text().splitlines()[0])["expected"]) == [*VARIANTS, "tiny"]


@pytest.mark.parametrize(("on_fail", "code"), [("warn", 0), pytest.param("error", 1)])
def test_a_worse_variant_is_told_or_stops_the_build(
    copied: Path, changed: Callable[..., str], capsys: pytest.CaptureFixture[str], on_fail: str, code: int
) -> None:
    spoiled = [{"distill": {"layers": 1, "epochs": 1, "learning_rate": 0.9}}]
    before = {
        path.relative_to(copied): path.read_bytes()
        for path in sorted(copied.rglob("[!.]*"))
        if path.is_file() and ".steps" not in path.parts
    }
    assert (
        main(["--recipe", changed(gate={"on_fail": on_fail}, variants={"spoiled": spoiled}), "--out", str(copied)])
        == code
    )
    if code:
        assert "error: worse than the teacher beyond 1.0 points: spoiled by " in capsys.readouterr().err
        assert {file: (copied / file).read_bytes() for file in before} == before, (
            "a closed gate leaves no mixture of builds"
        )
        assert not (copied / "spoiled").exists()
    else:
        gate = read_card(copied / "spoiled").gate
        assert gate is not None
        assert gate.verdict == "worse"


def test_a_variant_that_is_gone_from_the_recipe_is_served_no_more(copied: Path, changed: Callable[..., str]) -> None:
    assert main(["--recipe", changed(variants={"int8": [{"quantize": {}}]}), "--out", str(copied)]) == 0
    assert list(read_build(copied).variants) == ["teacher", "int8"]
    assert list(json.loads((copied / "corpus.jsonl").read_text().splitlines()[0])["expected"]) == ["teacher", "int8"]


def test_only_one_variant_beside_what_is_there(copied: Path, tiny_recipe: Path, changed: Callable[..., str]) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    new = {name: [{"distill": {"layers": 1, "epochs": epochs}}] for name, epochs in (("one", 1), ("two", 2))}
    assert main(["--recipe", changed(variants=variants | new), "--only", "one", "--out", str(copied)]) == 0
    assert list(read_build(copied).variants) == [*VARIANTS, "one"]


def test_only_a_cascade_builds_its_parts(tiny_recipe: Path, tmp_path: Path) -> None:
    assert main(["--recipe", str(tiny_recipe), "--only", "cascade", "--out", str(tmp_path)]) == 0
    assert list(read_build(tmp_path).variants) == ["teacher", "int8", "distilled_int8", "cascade"]


def test_only_in_an_empty_folder_builds_the_teacher_and_it(built: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    assert main(["--recipe", str(tiny_recipe), "--only", "int8", "--out", str(tmp_path)]) == 0
    assert versions(tmp_path) == {name: versions(built)[name] for name in ("teacher", "int8")}


def test_one_is_added_beside_what_stays_as_it_is_and_says_how_far_it_is(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.json"
    monkeypatch.setenv("BONSAI_PROGRESS", str(told))
    before, variants = read_build(copied), json.loads(tiny_recipe.read_text())["variants"]
    recipe = changed(variants=variants | {"added": [{"quantize": {"embeddings": False}}]})
    assert main(["--recipe", recipe, "--add", "added", "--out", str(copied)]) == 0
    after = read_build(copied)
    assert list(after.variants) == [*before.variants, "added"]
    assert {name: after.variants[name] for name in before.variants} == before.variants
    said = json.loads(told.read_text())
    assert said["step"].startswith("added: ")
    assert said["figures"]["version"] == read_card(copied / "added").version
    assert said["figures"]["measured"]["p50_ms"] > 0
    assert main(["--recipe", recipe, "--out", str(copied)]) == 0
    assert read_build(copied) == after, "a build of the same recipe has nothing to do"


def test_a_pruned_sparse_and_quantized_variant_says_how_it_is_stored(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str]
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    sparse = [*variants["pruned"], {"sparsify": {"share": 0.8, "steps": 2, "epochs": 1, "last_epochs": 2}}]
    recipe = changed(variants=variants | {"sparse": [*sparse, {"quantize": {}}]})
    assert main(["--recipe", recipe, "--add", "sparse", "--gate", "warn", "--out", str(copied)]) == 0
    card = read_card(copied / "sparse")
    assert card.stored is not None
    assert len(card.stored.sparsity_by_layer) == 4
    assert min(card.stored.sparsity_by_layer) >= 0.79
    assert card.stored.bytes_compressed < card.stored.bytes_sparse < card.bytes
    assert not card.stored.speed_gained
    assert read_card(copied / "pruned").stored is None


def test_a_goal_of_time_is_held_to_the_mean_in_which_a_cascades_escalations_show() -> None:
    slow_at_times = Measured(p50_ms=0.2, p99_ms=9.0, mean_ms=1.5, batch=1, cpu="a CPU", here=True)
    check_fast("cascade", slow_at_times, 1.6)
    with pytest.raises(TooSlow, match=r"^'cascade' takes 1.500 ms a text on average; expected less than 1$"):
        check_fast("cascade", slow_at_times, 1.0)


@pytest.mark.parametrize(
    ("options", "code"), [([], 1), (["--gate", "warn", "--under-ms", "1e-9"], 3), (["--gate", "warn"], 0)]
)
def test_what_is_added_is_judged_and_measured_before_it_is_published(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], options: list[str], code: int
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    spoiled = [{"distill": {"layers": 1, "epochs": 1, "learning_rate": 0.9}}]
    recipe = changed(variants=variants | {"spoiled": spoiled})
    assert main(["--recipe", recipe, "--add", "spoiled", *options, "--out", str(copied)]) == code
    assert ("spoiled" in read_build(copied).variants) is (code == 0)
    assert (copied / "spoiled").exists() is (code == 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gate", "error"], "--gate was given without --add"),
        (["--under-ms", "3"], "--under-ms was given without --add"),
        (["--add", "int8", "--only", "int8"], "--only was given with --add"),
        (["--add", "int8", "--keep-head"], "--keep-head was given with --add"),
        (["--add", "int8", "--under-ms", "nan"], "--under-ms is nan; expected milliseconds above 0"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    options: list[str], said: str, error: Callable[..., str], tmp_path: Path
) -> None:
    assert said in error(*options, "--out", tmp_path)


def test_nothing_is_added_where_anything_else_would_change(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], error: Callable[..., str], tmp_path: Path
) -> None:
    before, recipe = read_build(copied), json.loads(tiny_recipe.read_text())
    variants = recipe["variants"] | {"added": [{"quantize": {"embeddings": False}}]}
    other = changed(variants=variants, teacher=recipe["teacher"] | {"epochs": 3})
    said = error("--recipe", other, "--add", "added", "--out", copied)
    assert "'added' cannot be added: teacher, pruned, int8" in said
    assert read_build(copied) == before
    *others, last = recipe["variants"]
    fewer = {name: recipe["variants"][name] for name in others} | {"added": variants["added"]}
    lacking = error("--recipe", changed(variants=fewer), "--add", "added", "--out", copied)
    assert f"'added' cannot be added: the recipe lacks {last}, of the build" in lacking
    assert read_build(copied) == before
    empty = error("--recipe", changed(variants=variants), "--add", "added", "--out", tmp_path / "empty")
    assert "nothing is built" in empty
