from pathlib import Path
from typing import Any

import pytest

from models.data.columns import find_columns
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from tests.models.files import delimited, file, read


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["text", "label"], ["text", "label"]),
        ([" Text", "LABEL "], [" Text", "LABEL "]),
        (["Text", "text", "label"], ["text", "label"]),
        (["content", "sentence", "intent"], ["sentence", "intent"]),
        (["text", "label", "label_text"], ["text", "label", "label_text"]),
        (["text", "Label", "Label Name"], ["text", "Label", "Label Name"]),
        (["text", "intent", "intent_name"], ["text", "intent", "intent_name"]),
        (["text", "label_text"], ["text", "label_text"]),
    ],
)
def test_usual_names_are_found(columns: list[str], found: list[str]) -> None:
    assert find_columns(columns, DatasetSource(), "d.csv").all == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {},
            "d.csv: texts are read from 'text' and labels from 'label', not from 'content' and 'category' "
            "(--text-column, --label-column)",
        ),
        (
            {"label_column": "category"},
            "d.csv: texts are read from 'text' and labels from 'category', not from 'content' (--text-column, "
            "--label-column)",
        ),
        ({"label_column": "category", "text_column": "content"}, ""),
    ],
)
def test_a_second_column_of_a_usual_name_is_not_passed_over_in_silence(
    asked: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"text {number}", f"more {number}", number % 3, number % 2) for number in range(60)]
    read(file(tmp_path, "d.csv", delimited(rows, header=("text", "content", "label", "category"))), **asked)  # type: ignore[arg-type]
    assert capsys.readouterr().err.strip() == said


def test_names_asked_for_are_found_in_any_case() -> None:
    assert find_columns(
        ["Frage", "text", "thema", "label"], DatasetSource(text_column="frage", label_column=" THEMA"), "d.csv"
    ).all == ["Frage", "thema"]


@pytest.mark.parametrize(
    ("columns", "asked", "said"),
    [
        ([], {}, "no rows"),
        (
            ["a", "b"],
            {},
            "no text column; its columns are a, b; expected one of text, sentence, content, or name it with "
            "--text-column",
        ),
        (
            ["text"],
            {},
            "no label column; its columns are text; expected one of label, category, intent, or name it with "
            "--label-column",
        ),
        (
            ["text", "label"],
            {"text_column": "q"},
            "no text column; its columns are text, label; expected 'q', as asked for",
        ),
        (["text", "label", "label"], {}, "2 columns are called 'label' and 'label'"),
        (["Text", "TEXT", "label"], {}, "2 columns are called 'Text' and 'TEXT'"),
    ],
)
def test_missing_and_doubled_columns_are_refused(columns: list[str], asked: dict[str, Any], said: str) -> None:
    with pytest.raises(BonsaiError) as refused:
        find_columns(columns, DatasetSource(**asked), "d.csv")
    assert str(refused.value).startswith(f"d.csv: {said}")


ROWS = [(f"text {number}", number % 3, f"name {number % 3}") for number in range(60)]


def test_a_column_of_names_beside_the_labels_is_taken(tmp_path: Path) -> None:
    path = file(tmp_path, "d.csv", delimited(ROWS, header=("text", "label", "label_text")))  # type: ignore[arg-type]
    assert read(path).labels == ("name 0", "name 1", "name 2")
    assert read(path, label_column="label").labels == ("0", "1", "2")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("x", 0, "name 1"), "d.csv, line 62: the label '0' is called 'name 1' here and 'name 0' at d.csv, line 2"),
        (
            ("x", 7, "name 1"),
            "d.csv, line 62: the name 'name 1' belongs to the label '7' here and to '1' at d.csv, line 3",
        ),
        (("x", 0, ""), "d.csv, line 62: the label's name is missing"),
    ],
)
def test_labels_and_names_that_are_not_one_to_one_are_refused(
    tmp_path: Path, row: tuple[str, int, str], said: str
) -> None:
    with pytest.raises(BonsaiError) as refused:
        read(file(tmp_path, "d.csv", delimited([*ROWS, row], header=("text", "label", "label_text"))))  # type: ignore[list-item]
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        (["text", "category", "label_name"], "label_name"),
        (["text", "intent", "label_text"], "label_text"),
        (["text", "intent", "category_name"], "category_name"),
    ],
)
def test_a_name_that_is_spelled_out_comes_in_the_order_of_what_it_spells(columns: list[str], label: str) -> None:
    found = find_columns(columns, DatasetSource(), "d.csv")
    assert (found.label, found.passed_over) == (label, (columns[1],))


def test_text_and_label_are_two_columns() -> None:
    for asked, other in (({"text_column": "category"}, "label"), ({"label_column": "text"}, "text")):
        with pytest.raises(BonsaiError, match=f"are both read from .*: name the other one with --{other}-column"):
            find_columns(["category", "topic", "text"], DatasetSource(**asked), "d.csv")
