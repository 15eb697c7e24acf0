import json
import shutil
from pathlib import Path

import pytest

from models.figures import dark_knowledge, granularity, pruning
from models.figures.command import main
from models.figures.granularity_table import markdown
from models.figures.lesson import begin, default_recipe, prepare
from models.figures.rows import unpacked
from models.runtime.store import read_build

COUNTED = {"zeros": 1, "counts": [1, 2, 1]}
HISTOGRAMS = {"share": 0.9, "from": -0.2, "to": 0.2, "before": COUNTED, "pruned": COUNTED, "retrained": COUNTED}


@pytest.fixture
def arguments(tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tiny teacher and data, and as few epochs as there can be."""
    for module in (pruning, granularity):
        monkeypatch.setattr(module, "EPOCHS", 1)
    monkeypatch.setattr(pruning, "PREPARE", 1)
    recipe = default_recipe(str(tiny_checkpoint), str(tiny_data))
    short = recipe.model_copy(update={"teacher": recipe.teacher.model_copy(update={"max_tokens": 48, "epochs": 1})})
    for module in (pruning, granularity):
        monkeypatch.setattr(module, "default_recipe", lambda *_: short)
    return ["--out", str(tmp_path / "out" / "result.json"), "--work", str(tmp_path / "work")]


def test_pruning_stores_each_cell_and_goes_on_where_it_was_killed(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, finish = [], pruning._scored
    file, command = tmp_path / "out" / "result.json", ["pruning", *arguments, "--shares", "0.5", "0.9"]

    def kill(*given: object) -> dict[str, object]:
        scored.append(given)
        if len(scored) == 4:
            raise KeyboardInterrupt
        return finish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pruning, "_scored", kill)
    assert main(command) == 130
    assert len(json.loads(file.read_text())["cells"]) == 3
    assert main(command) == 0
    assert len(scored) == 4 + 9
    found = json.loads(file.read_text())
    assert len(found["cells"]) == 1 + 5 * 2 + 1
    assert {"l1", "l2, step by step", "l2, at once, as long"} < {cell["curve"] for cell in found["cells"]}
    for cell in found["cells"]:
        assert cell["accuracy"] == unpacked(cell["right"], 12).mean()
    assert file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    before, after = found["histograms"]["before"], found["histograms"]["retrained"]
    assert after["zeros"] == round(0.9 * (before["zeros"] + sum(before["counts"])))
    assert any(claim["first"] == "l2, step by step" and claim["share"] == 0.9 for claim in found["claims"])
    assert main(command) == 0
    assert len(scored) == 4 + 9


def test_granularities_have_equal_parameters_and_a_table(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granularity, "REMOVED", (0.25, 0.5))  # one and two of four layers
    assert main(["granularity", *arguments, "--rounds", "2"]) == 0
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    names = {(cell["granularity"], cell["removed"]) for cell in found["cells"]}
    assert {("weight", 0.5), ("4x4 block", 0.5), ("layer", 0.5), ("neuron", 0.25), ("head", 0.25)} <= names
    for cell in found["cells"]:
        assert cell["gone"] == pytest.approx(cell["removed"], abs=0.01)
        assert (cell["zeros"] > 0.01) == (cell["granularity"] in ("weight", "4x4 block"))
    assert markdown(found).count("\n| ") == 2 + 1 + 2 * 5 - 1


def test_a_builds_teacher_is_taken_as_it_is(built: Path, tmp_path: Path) -> None:
    from models.recipe.recipe import Recipe

    build = read_build(built)
    recipe = Recipe.model_validate({**build.recipe, "variants": {}})
    begin(prepare(recipe), tmp_path, built)
    key = next(folder.name for folder in tmp_path.iterdir())
    assert (tmp_path / key / "model.safetensors").read_bytes() == (
        built / ".steps" / key / "model.safetensors"
    ).read_bytes()


def test_other_conditions_are_not_mixed(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "out" / "result.json"
    file.parent.mkdir()
    for figure in ("pruning", "granularity"):
        file.write_text(json.dumps({"experiment": figure, "conditions": {"epochs": 99}, "cells": []}))
        assert main([figure, *arguments]) == 2
        assert "holds cells of other conditions" in capsys.readouterr().err
        assert [entry.name for entry in (tmp_path / "work").iterdir()] == [".lock"]  # no teacher was trained for it


def test_published_results_are_written_only_where_that_is_asked_for() -> None:
    outs = [pruning._parse([]).out, granularity._parse([]).out, dark_knowledge.parse([]).out]
    assert outs == [Path("variants/.figures") / f"{name}.json" for name in ("pruning", "granularity", "dark_knowledge")]


def test_what_an_earlier_run_stored_is_kept_and_an_interrupted_one_says_so(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_model", lambda lesson, *_: lesson.teacher)
    monkeypatch.setattr(pruning, "_histograms", lambda _: HISTOGRAMS)
    file = tmp_path / "out" / "result.json"
    assert main(["pruning", *arguments, "--shares", "0.5"]) == 0
    whole = json.loads(file.read_text())
    assert whole["complete"] and whole["histograms"] == HISTOGRAMS and whole["claims"]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    more = ["pruning", *arguments, "--shares", "0.5", "0.6", "--curves", "l2"]
    with monkeypatch.context() as patched:
        patched.setattr(pruning, "claims", interrupt)
        assert main(more) == 130
    cut = json.loads(file.read_text())
    assert not cut["complete"] and cut["claims"] == whole["claims"] and cut["histograms"] == HISTOGRAMS
    assert main(more) == 0
    done = json.loads(file.read_text())
    assert done["complete"] and len(done["claims"]) == len(whole["claims"]) + 1


def test_texts_are_cut_to_what_the_teacher_reads(tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert default_recipe("embedded", "embedded").teacher.max_tokens == 128
    short = Path(shutil.copytree(tiny_checkpoint, tmp_path / "short"))
    positions = json.loads((short / "config.json").read_text())["max_position_embeddings"]
    assert default_recipe(str(short), "embedded").teacher.max_tokens == min(128, positions)
    assert positions < 128


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no figure is named; expected one of "),
        (["drawing"], "there is no figure 'drawing'"),
        (["pruning", "--seeds", "0"], "--seeds is 0; expected at least 1"),
        (["pruning", "--shares", "0.55"], "--shares holds 0.55; expected some of 0.5, "),
        (["pruning", "--curves", pruning.LONG, "--shares", "0.5", "0.8"], "--shares holds 0.8 at most; expected 0.9"),
        (["pruning", "--dataset", ""], "--dataset is empty; expected a value"),
        (["granularity", "--teacher", ""], "--teacher is empty; expected a value"),
        (["dark_knowledge", "--dataset", ""], "--dataset is empty; expected a value"),
        (["granularity", "--rounds", "1"], "--rounds is 1; expected at least 2"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
