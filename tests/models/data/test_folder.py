import json
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, objects, parquet_bytes, read

TRAIN = delimited()
OTHER = [(f"other {number}", label) for number in range(3) for label in ("a", "b", "c")]
TEST = delimited(OTHER)
PARQUET = parquet_bytes({"text": [text for text, _ in OTHER], "label": [label for _, label in OTHER]})


def folder(path: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file(path, name, content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (name, TEST)
            for name in (
                "Test.csv",
                "eval.csv",
                "testing.csv",
                "TEST.CSV",
                "evaluation.csv",
                "my-data_test.csv",
                "test2.csv",
            )
        ),
        *(
            (name, TEST)
            for name in ("test/0000.csv", "data/test-00000-of-00001.csv", "Test/rows.csv", "data/test/anything.csv")
        ),
        ("test.tsv", delimited(OTHER, "\t")),
        ("test.json", json.dumps(objects(OTHER))),
        ("test-00000-of-00001.parquet", PARQUET),
        ("data/test-00000-of-00001-0123456789abcdef.parquet", PARQUET),
    ],
)
def test_a_test_file_is_read_by_whatever_name_it_has(tmp_path: Path, name: str, content: str | bytes) -> None:
    rest = {
        "README.md": "x",
        "LICENSE": "x",
        "licence.txt": "x",
        "dataset_infos.json": "{}",
        ".gitattributes": "x",
        ".cache/x.bin": "x",
    }
    found = read(folder(tmp_path, {"train.csv": TRAIN, name: content, **rest}))
    assert found.test.texts == [text for text, _ in OTHER]
    assert len(found.train) + len(found.validation) == len(ROWS)


@pytest.mark.parametrize(
    "names",
    [
        ["train", "valid", "test"],
        ["Training", "DEV", "Eval"],
        ["data_train", "data_val", "data_test"],
        ["train", "validation", "testing"],
    ],
)
def test_every_split_is_found(tmp_path: Path, names: list[str]) -> None:
    validation = delimited([(f"between {number}", label) for number in range(2) for label in ("a", "b", "c")])
    found = read(
        folder(
            tmp_path, {f"{name}.csv": content for name, content in zip(names, (TRAIN, validation, TEST), strict=True)}
        )
    )
    assert [len(found.train), len(found.validation), len(found.test)] == [60, 6, 9]


@pytest.mark.parametrize(
    "pattern",
    [
        "data/train-{:05}-of-00012.csv",
        "train-{:05}-of-00012.csv",
        "default/train/{:04}.csv",
        "train/part-{:05}.csv",
        "train/train-{:05}-of-00012.csv",
    ],
)
def test_parts_of_a_split_are_joined_in_their_order(tmp_path: Path, pattern: str) -> None:
    parts = {pattern.format(number): delimited(ROWS[5 * number : 5 * number + 5]) for number in range(12)}
    validation = {"validation.csv": delimited([("a text between", "a")])}
    assert read(folder(tmp_path, {**parts, **validation, "test.csv": TEST})).train.texts == [text for text, _ in ROWS]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("notes.txt", "'notes.txt' is of no file type that is read; expected .csv, .tsv"),
        ("loader.py", "'loader.py' is of no file type"),
        ("test.xlsx", "'test.xlsx' is of no file type"),
        (
            "data.csv",
            "the name 'data.csv' says no split, or more than one; expected a name with train as train, training; "
            "validation as",
        ),
        ("train_dev.csv", "the name 'train_dev.csv' says no split, or more than one"),
        ("more/x.jsonl", "the name 'more/x.jsonl' says no split"),
        ("train.jsonl", "train rows stand in train.csv and in train.jsonl; expected one file a split"),
        ("train2.csv", "train rows stand in train.csv and in train2.csv"),
        ("de/train.csv", "train rows stand in de/train.csv and in train.csv"),
        ("data/train-00000-of-00001.csv", "train rows stand in data/train-00000-of-00001.csv and in train.csv"),
        ("eval.csv", "test rows stand in eval.csv and in test.csv"),
    ],
)
def test_nothing_is_passed_over(tmp_path: Path, extra: str, said: str) -> None:
    with pytest.raises(BonsaiError) as refused:
        read(folder(tmp_path, {"train.csv": TRAIN, "test.csv": TEST, extra: TRAIN}))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["train-00000-of-00003.csv", "train-00002-of-00003.csv"],
            "the train files bear the numbers 0, 2, of 3; missing: 1; expected every part once",
        ),
        (["train-00001-of-00002.csv"], "missing: 0"),
        (
            ["train-00000-of-00002.csv", "train-00001-of-00003.csv"],
            "train rows stand in train-00000-of-00002.csv and in train-00001-of-00003.csv",
        ),
        (["train/0000.csv", "train/0002.csv"], "missing: 1"),
        (["a/train.csv", "b/train.csv", "c/train.csv"], "a/train.csv and in b/train.csv, and 1 more"),
        (["test.csv"], "no train file; expected train.csv .*it holds test.csv"),
        (["README.md"], "no train file.*it holds no data at all"),
    ],
)
def test_what_is_missing_or_doubled_is_named(tmp_path: Path, files: list[str], said: str) -> None:
    with pytest.raises(BonsaiError, match=said):
        read(folder(tmp_path, dict.fromkeys(files, TRAIN)))


def test_one_part_of_several_is_no_data_set(tmp_path: Path) -> None:
    for number in range(2):
        file(tmp_path, f"data-0000{number}-of-00002.csv", delimited(ROWS[number::2]))
    with pytest.raises(BonsaiError, match="one of 2 parts, by its name; expected the folder that holds them all"):
        read(tmp_path / "data-00000-of-00002.csv")
    found = read(tmp_path)  # as `datasets` saves one split
    assert len(found.train) + len(found.validation) + len(found.test) == len(ROWS)
    file(tmp_path, "data-00000-of-00001.csv", delimited())
    assert len(read(tmp_path / "data-00000-of-00001.csv").labels) == 3


@pytest.mark.parametrize("inside", ["", "data/"])
@pytest.mark.parametrize("test", ["test-00000-of-00001.parquet", "Test.csv", "test/rows.csv"])
def test_parts_of_no_split_are_the_train_rows_beside_a_test_file(tmp_path: Path, inside: str, test: str) -> None:
    parts = {f"{inside}data-0000{number}-of-00002.csv": delimited(ROWS[number::2]) for number in range(2)}
    found = read(folder(tmp_path, {**parts, f"{inside}{test}": PARQUET if test.endswith("parquet") else TEST}))
    assert found.test.texts == [text for text, _ in OTHER]
    assert len(found.train) + len(found.validation) == len(ROWS)
    file(tmp_path, "train.csv", TRAIN)
    with pytest.raises(BonsaiError, match=r"train rows stand in .*data-00000-of-00002.csv and in .*, and 1 more"):
        read(tmp_path)


@pytest.mark.parametrize("name", [".test.csv", "__test.csv", "__dev.jsonl"])
def test_a_hidden_split_is_said_not_to_be_read(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    same = read(folder(tmp_path / "same", {"train.csv": TRAIN})).sha256
    rest = {"._test.csv": b"\0", "__MACOSX/test.csv": "", ".cache.csv": ""}
    assert read(folder(tmp_path / "d", {"train.csv": TRAIN, name: TEST, **rest})).sha256 == same
    said = capsys.readouterr().err
    assert f"'{name}' is not read, for names that begin with . or __ are hidden" in said
    assert said.count("is not read") == 1


def test_years_are_no_numbers_of_parts(tmp_path: Path) -> None:
    folder(tmp_path, {"train_2022.csv": TRAIN, "train_2024.csv": TEST})
    with pytest.raises(BonsaiError, match=r"train rows stand in train_2022.csv and in train_2024.csv; expected one"):
        read(tmp_path)
    (tmp_path / "train_2024.csv").rename(tmp_path / "train_2023.csv")
    found = read(tmp_path)
    assert len(found.train) + len(found.validation) + len(found.test) == len(ROWS) + len(OTHER)


@pytest.mark.parametrize(("link", "to"), [("loop", "."), ("data/up", ".."), ("data/one", "../other"), ("out", "..")])
def test_a_folder_that_holds_itself_is_refused(tmp_path: Path, link: str, to: str) -> None:
    files = {"train.csv": TRAIN, "data/test.csv": TEST, "other/dev.csv": TEST}
    path = folder(tmp_path / "d", files)
    (path / link).symlink_to(to)
    if to == "../other":
        (path / "other" / "two").symlink_to("../data")
    with pytest.raises(
        BonsaiError, match=r"^data set '[^']*': '\w+' leads back to a folder that it is in; expected each"
    ):
        read(path)


def test_what_a_readme_does_not_name_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    default = "{config_name: default, data_files: [{split: train, path: train.csv}]}"
    configs = f"configs: [{default}, {{config_name: b, data_files: b.csv}}]"
    file(tmp_path, "README.md", f"---\n{configs}\n---\n")
    for name in ("train.csv", "test.csv", "b.csv"):
        file(tmp_path, name, delimited())
    read(tmp_path)
    assert f"{tmp_path}: test.csv not read, for README.md names other files" in " ".join(
        capsys.readouterr().err.split()
    )
