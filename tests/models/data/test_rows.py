import json
import re
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, json_lines, parquet_bytes, read

BAD = ",a\n   ,b\nhello,\nwell, no, never\nhello\n,c\n"


def test_all_unusable_rows_stand_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError) as refused:
        read(file(tmp_path, "d.csv", delimited() + BAD))
    assert str(refused.value) == (
        "data set 'd': 6 of 66 rows are unusable: d.csv, line 62 and d.csv, line 63: the text is empty; expected a "
        "non-empty string; "
        "d.csv, line 64 and d.csv, line 66: the label is missing; expected a name or a whole number; "
        "d.csv, line 65: 3 fields; expected 2, as in the first line: put texts that hold ',' in quotes; and 1 more; "
        "repair them, or leave them out with --skip-unusable (dataset.skip_unusable in the recipe)"
    )


def test_they_are_counted_over_all_files(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited() + BAD)
    file(tmp_path, "test.jsonl", json_lines(ROWS[:3]) + '{"text": "", "label": "a"}\nnot json\n')
    with pytest.raises(BonsaiError, match=r"8 of 71 rows are unusable: train.csv, line 62"):
        read(tmp_path)


def test_skipping_gives_what_the_usable_rows_give_and_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read(file(tmp_path, "d.csv", delimited() + BAD), skip_unusable=True)
    assert "data set 'd': 6 of 66 rows are unusable and skipped: d.csv, line 62" in capsys.readouterr().err
    clean = read(file(tmp_path, "same.csv", delimited()))
    assert found.sha256 == clean.sha256
    assert (found.describe()["skipped"], "skipped" in clean.describe()) == (6, False)


def test_skipping_leaves_out_test_rows_whose_label_nothing_taught(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited())
    file(tmp_path, "test.csv", delimited([*ROWS[:3], ("new", "d"), ("new", "e")]))
    with pytest.raises(
        BonsaiError, match=r"2 of 65 rows are unusable: test.csv, line 5: the label 'd' occurs in no training row"
    ):
        read(tmp_path)
    found = read(tmp_path, skip_unusable=True)
    assert (len(found.test), found.skipped) == (3, 2)


def test_a_split_without_one_usable_row_is_held_out_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file(tmp_path, "train.csv", delimited())
    file(tmp_path, "test.csv", "text,label\none,\ntwo,\n")
    found = read(tmp_path, skip_unusable=True)
    assert (len(found.train), len(found.validation), len(found.test)) == (42, 6, 12)
    assert "no test row is usable, so training rows are held out in their place" in capsys.readouterr().err


def test_a_test_file_without_labels_is_to_be_put_elsewhere(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited())
    file(tmp_path, "test.csv", "id,text\n1,one\n2,two\n")
    with pytest.raises(BonsaiError, match=r"test.csv: no label column; .*a file without labels proves nothing: put it"):
        read(tmp_path)


@pytest.mark.parametrize("column", ["text_b", "question2", "Context"])
def test_what_else_may_belong_to_a_text_is_said_not_to_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    rows = "".join(f"{text},more,{label}\n" for text, label in ROWS)
    read(file(tmp_path, "d.csv", f"text,{column},label\n{rows}"))
    assert f"the column '{column}' is not read: one text a row" in " ".join(capsys.readouterr().err.split())


def test_the_other_half_of_a_pair_is_said_not_to_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{text},more,{label}\n" for text, label in ROWS)
    read(file(tmp_path, "d.csv", f"sentence,sentence2,label\n{rows}"))
    said = " ".join(capsys.readouterr().err.split())
    assert "the column 'sentence2' is not read: one text a row is classified, and no pair" in said


def test_rows_that_an_annotator_turned_down_are_unusable(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label, "answer": "accept"} for text, label in ROWS]
    turned_down = [{"text": f"no {word}", "label": "a", "answer": word} for word in ("reject", "ignore")]
    given = file(tmp_path, "d.jsonl", "".join(f"{json.dumps(row)}\n" for row in [*rows, *turned_down]))
    with pytest.raises(BonsaiError, match=r"2 of 62 rows are unusable: d.jsonl, line 61: its answer is 'reject'; exp"):
        read(given)
    assert read(given, skip_unusable=True).sha256 == read(file(tmp_path, "same.csv", delimited())).sha256
    asked = [(text, "ignore" if label == "a" else label) for text, label in ROWS]
    found = read(file(tmp_path, "own.csv", delimited(asked, header=("text", "answer"))), label_column="answer")
    assert "ignore" in found.labels


@pytest.mark.parametrize("gap", ["nan", "#NAME?", "<NA>", "\\N"])
def test_a_text_that_says_there_is_none_is_unusable(tmp_path: Path, gap: str) -> None:
    with pytest.raises(BonsaiError, match=rf"the text is {re.escape(gap)}, which other programs write where there is"):
        read(file(tmp_path, "d.csv", delimited([*ROWS, (gap, "a")])))


def test_labels_of_a_single_row_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(file(tmp_path, "d.csv", delimited([*ROWS, ("Well", "awful one")])))
    assert "d: a label has one row alone, 'awful one' (d.csv, line 62): what is" in capsys.readouterr().err
    read(file(tmp_path, "d.csv", delimited([*ROWS, ("Well", "awful one"), ("Total", "60")])))
    assert "d: 2 labels have one row alone each, as 'awful one' has (d.csv, line 62)" in capsys.readouterr().err


def test_labels_are_read_of_one_column_in_all_files(tmp_path: Path) -> None:
    three = [(text, label, "other") for text, label in ROWS]
    file(tmp_path, "train.csv", delimited(three, header=("text", "label", "category")))
    file(tmp_path, "test.csv", delimited(ROWS[:9], header=("text", "category")))
    with pytest.raises(BonsaiError, match=r"test.csv: labels are read from 'category', and of train.csv from 'label'"):
        read(tmp_path)
    file(tmp_path, "test.csv", delimited(ROWS[:9], header=("text", "Label")))
    assert read(tmp_path).labels == ("a", "b", "c")


def test_numbers_in_one_file_and_their_names_in_another_are_not_two_classes(tmp_path: Path) -> None:
    numbered = [(text, "abc".index(label)) for text, label in ROWS]
    spelled = [(text, number, "abc"[number]) for text, number in numbered]
    file(tmp_path, "train-0000.csv", delimited(spelled, header=("text", "label", "label_text")))
    file(tmp_path, "train-0001.csv", delimited([(f"more {text}", number) for text, number in numbered]))
    said = r"train-0001.csv: its labels are numbers alone, and train-0000.csv has names for them \('label_text'\)"
    with pytest.raises(BonsaiError, match=said):
        read(tmp_path)
    file(tmp_path, "train-0001.csv", delimited([(f"more {text}", label) for text, label in ROWS]))
    assert read(tmp_path).labels == ("a", "b", "c")  # the names themselves


def test_parts_with_and_without_names_of_classes_are_not_two_classes(tmp_path: Path) -> None:
    columns = {"text": [text for text, _ in ROWS], "label": ["abc".index(label) for _, label in ROWS]}
    more = {**columns, "text": [f"more {text}" for text, _ in ROWS]}
    file(tmp_path, "train-00000-of-00002.parquet", parquet_bytes(columns, ["a", "b", "c"]))
    file(tmp_path, "train-00001-of-00002.parquet", parquet_bytes(more))
    with pytest.raises(BonsaiError, match=r"00001-of-00002.parquet: its labels are numbers alone, and train-00000"):
        read(tmp_path)


def test_a_file_without_a_usable_row_has_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spelled = [(text, "abc".index(label), label) for text, label in ROWS]
    file(tmp_path, "train.csv", delimited(spelled, header=("text", "label", "label_text")))
    file(tmp_path, "test.csv", delimited([("", 0), ("", 1)]))
    assert read(tmp_path, skip_unusable=True).labels == ("a", "b", "c")
    assert "no test row is usable" in capsys.readouterr().err
