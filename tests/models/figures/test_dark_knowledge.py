import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.figures import students
from models.figures.arms import HARD, Arm, Cell
from models.figures.command import main
from models.figures.gains import read_gains
from models.figures.students import Students
from models.recipe.recipe import Recipe

Run = Callable[..., int]


@pytest.fixture(scope="module", autouse=True)
def _few_epochs() -> Iterator[None]:
    """Seconds instead of a minute; what is asked here is not what students learn."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(students, "MOST_EPOCHS", 8)
        yield


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a build that is not there yet: the first run trains the teachers in it."""
    return tmp_path_factory.mktemp("dark") / "variants"


@pytest.fixture(scope="module")
def run(tiny_recipe: Path, variants: Path) -> Run:
    def run(*more: str, file: Path) -> int:
        few = ["--seeds", "2", "--shares", "0.3", "--temperatures", "2", "--teachers", "1"]
        return main(
            [
                "dark_knowledge",
                "--recipe",
                str(tiny_recipe),
                "--variants",
                str(variants),
                "--out",
                str(file),
                *few,
                *more,
            ]
        )

    return run


@pytest.fixture(scope="module")
def finished(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished experiment."""
    file = tmp_path_factory.mktemp("finished") / "dark.json"
    assert run(file=file) == 0
    return file


@pytest.fixture
def stored(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, for a run to go on with."""
    return Path(shutil.copy(finished, tmp_path / "dark.json"))


def test_every_student_is_stored(finished: Path) -> None:
    gains = read_gains(finished)
    assert (gains.shares, gains.arms("0.3")) == (["0.3"], [HARD, Arm(1, 2.0).name])
    assert all(list(seeds) == ["0", "1"] for seeds in gains.result["cells"]["0.3"].values())
    assert len(gains.result["teachers"]) == 3
    assert finished.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_trains_nothing_and_shows_what_is_stored(
    run: Run, stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Students, cell: object) -> list[bool]:
        raise AssertionError(cell)

    before = stored.read_bytes()
    monkeypatch.setattr(Students, "train", refuse)
    assert run(file=stored) == 0
    assert stored.read_bytes() == before
    printed = capsys.readouterr().out
    assert all(said in printed for said in (HARD, Arm(1, 2.0).name, stored.name))


def test_an_interrupted_run_goes_on_and_gives_what_a_whole_one_does(
    run: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tmp_path / "parts.json"
    train, turns = Students.train, iter([True, True, False])

    def interrupted(self: Students, cell: Cell) -> list[bool]:
        if not next(turns):
            raise KeyboardInterrupt
        return train(self, cell)

    with monkeypatch.context() as patched:
        patched.setattr(Students, "train", interrupted)
        assert run(file=parts) == 130
    before = json.loads(parts.read_text())["cells"]["0.3"]
    assert sorted(map(len, before.values())) == [1, 1]
    assert run(file=parts) == 0
    assert json.loads(parts.read_text())["cells"] == json.loads(finished.read_text())["cells"]


def test_students_of_other_teachers_are_not_mixed(
    run: Run, make_recipe: Callable[..., Recipe], stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, recipe = stored.read_bytes(), tmp_path / "other.yaml"
    recipe.write_text(json.dumps(make_recipe(seed=1).model_dump(mode="json", exclude={"variants"})))
    assert run("--recipe", str(recipe), file=stored) == 2
    assert "--out" in capsys.readouterr().err
    assert stored.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "1"], "--seeds is 1"),
        (["--shares", "1.5"], "--shares has 1.5"),
        (["--temperatures", "0"], "--temperatures has 0"),
        (["--dataset", "nowhere.csv"], "data set 'nowhere.csv'"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    run: Run, arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, file=tmp_path / "dark.json") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
