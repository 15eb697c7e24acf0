import json
from pathlib import Path

import pytest

from models.figures import granularity, pruning
from models.figures.command import main
from models.figures.granularity_table import markdown
from models.figures.lesson import begin, default_recipe
from models.figures.rows import unpacked
from models.runtime.store import read_build


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
    begin(recipe, tmp_path, built)
    key = next(folder.name for folder in tmp_path.iterdir())
    assert (tmp_path / key / "model.safetensors").read_bytes() == (
        built / ".steps" / key / "model.safetensors"
    ).read_bytes()


def test_other_conditions_are_not_mixed(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "out" / "result.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"experiment": "pruning", "conditions": {"epochs": 99}, "cells": []}))
    assert main(["pruning", *arguments]) == 2
    assert "holds cells of other conditions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no figure is named; expected one of "),
        (["drawing"], "there is no figure 'drawing'"),
        (["pruning", "--seeds", "0"], "--seeds is 0; expected at least 1"),
        (["pruning", "--shares", "0.55"], "--shares holds 0.55; expected some of 0.5, "),
        (["granularity", "--rounds", "1"], "--rounds is 1; expected at least 2"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
