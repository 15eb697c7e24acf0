import json
from pathlib import Path
from typing import Any

import pytest

from models.data.columns import plain
from models.data.dataset import Dataset
from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, parquet_bytes, read

TEXTS = [(f"text {number} of {label}", label) for number in range(20) for label in ("a", "b")]


def rows(*splits: str) -> list[tuple[str, str, str]]:
    """Every row with one of the splits in turn."""
    return [(text, label, splits[number % len(splits)]) for number, (text, label) in enumerate(TEXTS)]


def table(column: str, *splits: str) -> str:
    return delimited(rows(*splits), header=("text", "label", column))  # type: ignore[arg-type]


def numbers(found: Dataset) -> list[set[int]]:
    """The numbers of the rows of each split."""
    place = {text: number for number, (text, _) in enumerate(TEXTS)}
    return [{place[text] for text in part.texts} for part in (found.train, found.validation, found.test)]


@pytest.mark.parametrize("column", ["split", "Set", "subset", "PARTITION", "fold", "data_split"])
@pytest.mark.parametrize(
    "names", [("train", "train", "validation", "test", "test"), ("Training", "TRAIN ", "dev", "eval", "test_set")]
)
def test_rows_are_split_as_their_column_says(
    tmp_path: Path, column: str, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = read(file(tmp_path, "d.csv", table(column, *names)))
    assert numbers(found) == [{n for n in range(40) if n % 5 in part} for part in ((0, 1), (2,), (3, 4))]
    assert "rows are split as the column" in capsys.readouterr().err


def test_every_kind_of_file_is_split_so(tmp_path: Path) -> None:
    same = read(file(tmp_path, "d.csv", table("split", "train", "test", "train")))
    given = [{"text": text, "label": label, "split": split} for text, label, split in rows("train", "test", "train")]
    columns = {key: [row[key] for row in given] for key in given[0]}
    for name, content in (
        ("d.jsonl", "".join(json.dumps(row) + "\n" for row in given)),
        ("d.parquet", parquet_bytes(columns)),
        ("folder/train.csv", table("split", "train", "test", "train")),
    ):
        path = file(tmp_path, name, content)
        assert read(path.parent if "/" in name else path).sha256 == same.sha256
    assert numbers(same)[2] == {number for number in range(40) if number % 3 == 1}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("set", ("x", "y")),
        ("fold", ("0", "1", "2")),
        ("split", ("train",)),
        ("split", ("test",)),
        ("subset", ("dev", "prod")),
        ("subset", ("dev", "test", "prod")),
        ("set", ("train", "bus", "car")),
        ("set", ("test", "control")),
        ("group", ("train", "test", "")),
        ("group", ("train", "bus")),
        ("group", ("dev", "test")),
        ("test", ("0", "1", "2")),
        ("holdout", ("a", "b")),
        ("train", ("0", "1")),
    ],
)
def test_a_column_that_is_no_split_is_left_alone(tmp_path: Path, column: str, values: tuple[str, ...]) -> None:
    plain = read(file(tmp_path, "same.csv", delimited(TEXTS)))
    assert read(file(tmp_path, "d.csv", table(column, *values))).sha256 == plain.sha256


def test_a_column_that_resembles_splits_is_not_passed_over_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(file(tmp_path, "d.csv", table("set", "train", "bus", "car")))
    assert "the column 'set' is not read as splits, for it holds 'bus', 'car' too" in capsys.readouterr().err


def test_a_column_asked_for_as_the_label_is_no_split(tmp_path: Path) -> None:
    found = read(file(tmp_path, "d.csv", table("set", "train", "test")), label_column="set")
    assert found.labels == ("test", "train")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            ("train", "test", "tset"),
            "13 of 40 rows are unusable: .*the split in the column 'split' is 'tset'; expected",
        ),
        (("train", "holdout"), "20 of 40 rows are unusable: .*is 'holdout'; expected train as train, training;"),
        (("train", "test", ""), "the split in the column 'split' is missing"),
        (("validation", "test"), "the column 'split' names no training rows, only test and validation rows"),
    ],
)
def test_values_that_are_no_split_are_refused(tmp_path: Path, values: tuple[str, ...], said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}[^\n]*$"):
        read(file(tmp_path, "d.csv", table("split", *values)))


def test_two_columns_of_splits_are_refused(tmp_path: Path) -> None:
    content = delimited([(*row, row[2]) for row in rows("train", "test")], header=("text", "label", "set", "split"))  # type: ignore[misc]
    with pytest.raises(BonsaiError, match="the columns 'split' and 'set' both name splits"):
        read(file(tmp_path, "d.csv", content))


def test_files_and_their_column_agree_or_are_refused(tmp_path: Path) -> None:
    test = delimited([("other a", "a", "test"), ("other b", "b", "test")], header=("text", "label", "split"))  # type: ignore[list-item]
    file(tmp_path, "train.csv", table("split", "train", "val", "train"))
    file(tmp_path, "test.csv", test)
    assert numbers_of(read(tmp_path)) == [27, 13, 2]
    file(tmp_path, "train.csv", table("split", "train", "test", "train"))
    with pytest.raises(BonsaiError, match=r"train.csv, line 3.*the column 'split' says test in a file of train rows"):
        read(tmp_path)


def numbers_of(found: Dataset) -> list[int]:
    return [len(found.train), len(found.validation), len(found.test)]


@pytest.mark.parametrize("column", ["dataset", "Usage", "data_type", "train_test", "split_type", "ML_use"])
def test_a_column_of_splits_may_have_other_names(tmp_path: Path, column: str) -> None:
    rows = "".join(
        f"{text},{label},{'test' if number % 4 == 0 else 'train'}\n" for number, (text, label) in enumerate(ROWS)
    )
    assert len(read(file(tmp_path, "d.csv", f"text,label,{column}\n{rows}")).test) == len(ROWS) / 4


@pytest.mark.parametrize("column", ["stage", "group", "random_split", "Train Val Test", "part", "test"])
def test_a_column_of_any_name_is_read_where_it_holds_nothing_but_splits(
    tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = numbers(read(file(tmp_path, "d.csv", table(column, "train", "Testing", "dev"))))
    assert found == [{n for n in range(40) if n % 3 == place} for place in (0, 2, 1)]
    assert f"rows are split as the column '{plain(column)}' says" in capsys.readouterr().err
    labels = [(text, split) for text, _, split in rows("train", "test")]
    assert read(file(tmp_path, "l.csv", delimited(labels))).labels == ("test", "train")


def test_of_several_such_columns_the_listed_one_is_read_and_others_have_to_agree(tmp_path: Path) -> None:
    def both(first: str, second: str, *, same: bool) -> Path:
        given = [(*row, row[2] if same else ("train", "test")[number // 20]) for number, row in enumerate(
            rows("train", "test", "train")
        )]  # fmt: skip
        return file(tmp_path, "d.csv", delimited(given, header=("text", "label", first, second)))  # type: ignore[arg-type]

    third = {number for number in range(40) if number % 3 == 1}
    assert numbers(read(both("stage", "group", same=True)))[2] == third
    assert numbers(read(both("split", "original_part", same=False)))[2] == third
    with pytest.raises(BonsaiError, match=r"^[^\n]*the columns 'stage' and 'group' both name splits, and not the same"):
        read(both("stage", "group", same=False))


def test_beside_files_of_splits_a_column_of_another_name_is_not_read_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file(tmp_path, "test.csv", delimited([("other a", "a"), ("other b", "b")]))
    file(tmp_path, "train.csv", table("original_part", "train", "test"))
    assert numbers_of(read(tmp_path)) == [36, 4, 2]
    said = "the column 'originalpart' is not read as splits, for there are files of test rows"
    assert said in capsys.readouterr().err


def test_a_column_of_another_meaning_is_left_alone(tmp_path: Path) -> None:
    rows = "".join(f"{text},{label},{('train', 'bus')[number % 2]}\n" for number, (text, label) in enumerate(ROWS))
    same = read(file(tmp_path, "same.csv", delimited())).sha256
    assert read(file(tmp_path, "d.csv", f"text,label,type\n{rows}")).sha256 == same


@pytest.mark.parametrize(("column", "values"), [("is_valid", ("True", "False")), ("split", ("tr", "te"))])
def test_what_looks_like_splits_and_is_not_read_is_said(
    tmp_path: Path, column: str, values: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{text},{label},{values[number % 2]}\n" for number, (text, label) in enumerate(ROWS))
    read(file(tmp_path, "d.csv", f"text,label,{column}\n{rows}"))
    assert f"the column '{column.replace('_', '')}' is not read" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("column", "values", "parts"),
    [
        ("is_test", ("False", "False", "True"), ((0, 1), (2,))),
        ("IsTest", ("0", "0", "1"), ((0, 1), (2,))),
        ("is_eval", ("1", "1", "0"), ((2,), (0, 1))),
        ("is_train", ("1", "0", "1"), ((0, 2), (1,))),
        ("is training", ("1.0", "0.0", "0.0"), ((0,), (1, 2))),
        ("in_test_set", ("0", "0", "1"), ((0, 1), (2,))),
        ("test", ("0", "0", "1"), ((0, 1), (2,))),
        ("Hold-out", ("1", "0", "0"), ((1, 2), (0,))),
        ("held_out", ("False", "True", "False"), ((0, 2), (1,))),
    ],
)
def test_a_flag_splits_rows_where_its_meaning_is_certain(
    tmp_path: Path, column: str, values: tuple[str, ...], parts: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    train, validation, test = numbers(read(file(tmp_path, "d.csv", table(column, *values))))
    assert (train | validation, test) == tuple({n for n in range(40) if n % 3 in part} for part in parts)
    assert f"rows are split as the column '{plain(column)}' says: t" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["is_valid", "is_validation", "is_val", "is_dev", "validation"])
def test_a_flag_of_validation_rows_leaves_the_test_rows_to_the_rest(tmp_path: Path, column: str) -> None:
    train, validation, test = numbers(read(file(tmp_path, "d.csv", table(column, "0", "1", "0"))))
    assert validation == {number for number in range(40) if number % 3 == 1}
    assert len(train) + len(test) == 40 - len(validation)
    same = read(file(tmp_path, "same.csv", table("split", "train", "dev", "train"))).sha256
    given = [{"text": text, "label": label, column: flag == "1"} for text, label, flag in rows("0", "1", "0")]
    assert read(file(tmp_path, "d.json", json.dumps(given))).sha256 == same
    file(tmp_path / "folder", "test.csv", delimited([("other a", "a"), ("other b", "b")]))
    file(tmp_path / "folder", "train.csv", table(column, "0", "1", "0"))
    assert numbers_of(read(tmp_path / "folder")) == [27, 13, 2]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (("is_test",), (("1",), ("0",), ("2",))),
        (("is_test",), (("1",), ("",))),
        (("is_test",), (("yes",), ("no",))),
        (("train",), (("1",), ("0",))),
        (("train", "test"), (("1", "0"), ("0", "1"))),
        (("is_valid",), (("True",), ("True",), ("False",))),
        (("is_test", "is_valid"), (("1", "0"), ("0", "1"), ("0", "0"))),
    ],
)
def test_a_flag_that_may_mean_something_else_is_not_read_and_that_is_said(
    tmp_path: Path, header: Any, values: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    flagged = [(*row, *values[number % len(values)]) for number, row in enumerate(TEXTS)]
    found = read(file(tmp_path, "d.csv", delimited(flagged, header=("text", "label", *header))))
    assert found.sha256 == read(file(tmp_path, "same.csv", delimited(TEXTS))).sha256
    said = capsys.readouterr().err
    assert all(f"the column '{plain(column)}' is not read; rows are split by" in said for column in header)


def test_a_flag_beside_files_of_its_split_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file(tmp_path, "train.csv", table("is_test", "0", "1"))
    file(tmp_path, "test.csv", delimited([("other a", "a"), ("other b", "b")]))
    assert numbers_of(read(tmp_path)) == [36, 4, 2]
    assert "the column 'istest' is not read" in capsys.readouterr().err


def test_a_flag_that_is_the_label_is_no_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(file(tmp_path, "d.csv", table("is_valid", "0", "1", "0")), label_column="is_valid")
    assert found.labels == ("0", "1")
    assert "isvalid" not in capsys.readouterr().err


def test_two_columns_of_one_name_are_no_splits(tmp_path: Path) -> None:
    rows = [(text, label, "train", "test" if number < 9 else "train") for number, (text, label) in enumerate(ROWS)]
    path = file(tmp_path, "d.csv", delimited(rows, header=("text", "label", "Split", "split")))
    with pytest.raises(BonsaiError, match=r"d.csv: 2 columns are called 'Split' and 'split', and name splits"):
        read(path)


@pytest.mark.parametrize(("column", "value", "said"), [
    ("split", "test", "the column 'split' says test of rows that are trained on, and of no others"),
    ("set", "tr", "the column 'set' is not read as splits, for it holds 'tr' too"),
])  # fmt: skip
def test_what_looks_like_a_split_and_is_not_read_is_said(
    tmp_path: Path, column: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, "d.csv", delimited([(*row, value) for row in ROWS], header=("text", "label", column)))
    read(path)
    assert said in capsys.readouterr().err
