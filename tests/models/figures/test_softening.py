import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from models.bench.comparison import print_table
from models.data.dataset import Dataset
from models.figures import softening
from models.figures.answers import ask
from models.figures.command import main
from models.figures.softened import MEAN, TEMPERATURES, Answers, heading, markdown, probability, read_answers, table
from models.figures.softening_picture import draw_softening
from models.runtime.card import Card
from models.runtime.classifier import Predictor
from models.runtime.errors import BonsaiError
from models.runtime.store import BUILD_FILE

STUDENTS = ["distilled", "distilled_int8", "trimmed"]
OWN = "is my card here now"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one sentence of an error."""
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_one_text_becomes_a_table_and_a_picture(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: Dataset
) -> None:
    picture, stored = tmp_path / "text.png", tmp_path / "text.json"
    assert main(["softening", OWN, "--out", str(built), "--picture", str(picture), "--result", str(stored)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("hard label", "teacher", MEAN, *STUDENTS, *dataset.labels))
    assert "none of the data set's" in printed
    assert image.imread(picture).shape[1] > 500
    answers = read_answers(stored)
    assert answers == ask(built, None, OWN)
    assert f"“{OWN}”" in markdown(answers)


def test_what_looks_like_markup_is_a_text_like_any_other() -> None:
    answers = Answers(
        build_id="x", dataset="d", text="it's $5 #3 for $6, $1^2^3$", labels=("[bug] crash", "[/b] $x$"), hard=0,
        found_in="", truncated_at=0, logits={"teacher": [1.0, 0.0], MEAN: [0.5, 0.5]},
    )  # fmt: skip
    assert draw_softening(answers, [0, 1], TEMPERATURES).startswith(b"\x89PNG")
    printed = Console(file=io.StringIO(), width=200, highlight=False)
    print_table(table(answers, [0, 1]), printed)
    shown = " ".join(str(printed.file.getvalue()).split())  # type: ignore[attr-defined]
    assert "[bug]" in shown and "[/b]" in shown


def test_probabilities_grow_alike_with_the_temperature_and_sum_to_one(built: Path) -> None:
    answers = ask(built, None, OWN)
    assert list(answers.logits) == ["teacher", MEAN, *STUDENTS]
    for name in answers.logits:
        shares = [answers.soft(name, temperature) for temperature in TEMPERATURES]
        assert np.sum(shares, axis=1) == pytest.approx(1, abs=1e-5)
        tops = [float(one.max()) for one in shares]
        assert tops == sorted(tops, reverse=True)
        assert {int(one.argmax()) for one in shares} == {int(np.argmax(answers.logits[name]))}
    assert answers.hard == int(np.argmax(answers.logits["teacher"]))


def test_the_table_holds_what_the_variants_answer(built: Path, variants: dict[str, tuple[Card, Predictor]]) -> None:
    answers = ask(built, None, OWN)
    shown = answers.best(4)
    drawn = table(answers, shown)
    rows = {name: next(row for row in drawn.rows if row[0] == name) for name in STUDENTS}
    for name, row in rows.items():
        card, predictor = variants[name]
        soft = answers.soft(name, card.temperature)  # the served probabilities are softened by the card's temperature
        served = dict(predictor.predict([OWN], top_k=4)[0].top)
        assert [served[answers.labels[label]] for label in shown] == pytest.approx(soft[shown].tolist(), abs=1e-4)
        assert row[2 : 2 + len(shown)] == [probability(float(answers.soft(name, 1.0)[label])) for label in shown]
    assert drawn.heads[2:] == [heading(answers.labels[label]) for label in shown]  # all four: no column of others


def test_fewer_labels_leave_a_column_for_the_others_and_keep_every_first_choice(built: Path) -> None:
    answers = ask(built, None, OWN)
    shown = answers.best(2)
    assert {answers.hard, *(int(np.argmax(one)) for one in answers.logits.values())} <= set(shown)
    assert len(shown) == len(set(shown)) >= 2
    if len(shown) < len(answers.labels):
        assert table(answers, shown).heads[-1] == f"{len(answers.labels) - len(shown)} others"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_row_of_the_data_set_has_its_label(built: Path, dataset: Dataset, split: str) -> None:
    rows = getattr(dataset, split)
    answers = ask(built, None, f"  {rows.texts[0].upper()} ")  # the tokenizer does not see the difference
    assert answers.labels[answers.hard] == dataset.labels[rows.labels[0]]
    assert answers.found_in


def test_a_long_text_is_cut_and_that_is_said(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["softening", "parcel " * 100, "--out", str(built), "--picture", str(tmp_path / "long.png")]) == 0
    assert "first 48 tokens" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["softening", text, "--out", str(tmp_path)]) == 2
    assert "the text is empty" in said(capsys)


def test_half_a_character_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["softening", "caf\udce9", "--out", str(tmp_path)]) == 2
    assert "surrogate" in said(capsys)


def test_a_folder_without_a_build_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["softening", OWN, "--out", str(tmp_path)]) == 2
    assert "python -m models.build" in said(capsys)


def test_a_build_without_a_student_is_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = json.loads((copied / BUILD_FILE).read_text())
    build["variants"] = {name: build["variants"][name] for name in ("teacher", "int8")}
    (copied / BUILD_FILE).write_text(json.dumps(build))
    assert main(["softening", OWN, "--out", str(copied)]) == 2
    assert "no variant" in said(capsys)


def test_a_teacher_whose_weights_are_gone_is_named(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = ask(copied, None, OWN)
    assert MEAN in answers.logits
    shutil.rmtree(copied / ".steps")
    assert main(["softening", OWN, "--out", str(copied)]) == 2
    assert "python -m models.build" in said(capsys)


def test_a_picture_that_cannot_be_written_is_refused(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["softening", OWN, "--out", str(built), "--picture", str(tmp_path / "none" / "text.png")]) == 2
    assert "--picture" in said(capsys)


@pytest.mark.parametrize(
    ("places", "wrong"),
    [
        (["--result", "b/build.json"], "--result is '"),
        (["--picture", "b/report.html"], "--picture is '"),
        (["--picture", "b/teacher/model.onnx"], "--picture is '"),
        (["--result", "b/.steps/x.json"], "--result is '"),
        (["--result", "b/softening.png"], "where the picture will be"),
        (["--result", "x", "--picture", "./x"], "where the picture will be"),
        (["--result", "none/x.json"], "where no file can be written"),
        (["--result", "pipe"], "where no file can be written"),
        (["--picture", "b"], "where no file can be written"),
    ],
)
def test_places_are_refused_before_anything_is_asked(
    places: list[str], wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("b/teacher", "b/.steps"):
        Path(folder).mkdir(parents=True)
    Path("b/teacher/card.json").touch()
    os.mkfifo("pipe")
    monkeypatch.setattr(softening, "ask", lambda *_: pytest.fail("asked"))
    assert main(["softening", OWN, "--out", "b", *places]) == 2
    assert wrong in said(capsys)


@pytest.mark.parametrize("content", [None, "{}"])
def test_what_holds_no_answers_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "text.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BonsaiError, match="holds no answers to a text"):
        read_answers(file)


@pytest.mark.parametrize(
    ("share", "written"), [(1.0, "1.000"), (0.25, "0.250"), (0.001, "0.001"), (2.3e-6, "2e-06"), (1e-20, "0")]
)
def test_a_small_probability_is_not_a_nought(share: float, written: str) -> None:
    assert probability(share) == written


def test_a_long_label_is_broken_between_its_words() -> None:
    assert heading("cash_withdrawal_not_recognised") == "cash_\nwithdrawal_\nnot_\nrecognised"
    assert heading("late") == "late"
