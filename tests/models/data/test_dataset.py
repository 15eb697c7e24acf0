import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from models.data.dataset import Dataset, load_dataset
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

ROWS = [(f"text {number} of {label}", label) for number in range(20) for label in ("a", "b", "c")]
GOOD = "".join(f"{text},{label}\n" for text, label in ROWS)
JSON_ROWS = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)


def read(path: Path, seed: int = 0, **columns: str) -> Dataset:
    return load_dataset(DatasetSource(source=str(path), split_seed=seed, **columns), str.lower)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(
            "".join(",".join(map(str, row)) + "\n" for row in [rows[0], *(row.values() for row in rows)]),
            encoding="utf-8",
        )
    return path


@pytest.mark.parametrize("columns", [("text", "label"), ("text", "category"), ("sentence", "intent")])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_file_types_and_usual_columns_hold_the_same_data(tmp_path: Path, suffix: str, columns: tuple[str, str]) -> None:
    (tmp_path / "data.csv").write_text("text,label\n" + GOOD)
    given = write(tmp_path / f"same{suffix}", [dict(zip(columns, row, strict=True)) for row in ROWS])
    assert read(given).sha256 == read(tmp_path / "data.csv").sha256


def test_columns_named_in_the_recipe(tmp_path: Path) -> None:
    file = write(tmp_path / "data.csv", [{"text": "not this", "q": text, "y": label} for text, label in ROWS])
    found = read(file, text_column="q", label_column="y")
    assert {*found.train.texts, *found.validation.texts, *found.test.texts} == {text for text, _ in ROWS}


def test_whole_numbers_become_label_names(tmp_path: Path) -> None:
    file = write(tmp_path / "data.jsonl", [{"text": text, "label": "abc".index(label)} for text, label in ROWS])
    assert read(file).labels == ("0", "1", "2")


def test_byte_order_mark_quotes_and_unicode(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(
        'text,label\n"wo, bitte, ist das ""Paket""?\nüber 📦",a\n' + GOOD, encoding="utf-8-sig"
    )
    found = read(tmp_path / "data.csv")
    assert 'wo, bitte, ist das "Paket"?\nüber 📦' in (*found.train.texts, *found.validation.texts, *found.test.texts)


def test_folder_keeps_its_own_splits(tmp_path: Path) -> None:
    for name, suffix, rows in (
        ("train", "csv", ROWS[:40]),
        ("dev", "jsonl", ROWS[40:50]),
        ("test", "parquet", ROWS[50:]),
    ):
        write(tmp_path / f"{name}.{suffix}", [{"text": text, "label": label} for text, label in rows])
    found = read(tmp_path)
    for split, rows in ((found.train, ROWS[:40]), (found.validation, ROWS[40:50]), (found.test, ROWS[50:])):
        assert [(text, found.labels[label]) for text, label in zip(split.texts, split.labels, strict=True)] == rows


def test_held_out_rows_are_stratified_seeded_and_lost_to_no_one(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\n" + GOOD)
    found, again, other = read(tmp_path / "data.csv"), read(tmp_path / "data.csv"), read(tmp_path / "data.csv", seed=1)
    assert found == again
    assert found.test.texts != other.test.texts
    assert found.sha256 != other.sha256
    assert sorted(found.train.texts + found.validation.texts + found.test.texts) == sorted(text for text, _ in ROWS)
    for split, rows_a_label in ((found.test, 4), (found.validation, 2), (found.train, 14)):
        assert set(Counter(split.labels).values()) == {rows_a_label}


def test_a_label_keeps_its_only_row_for_training(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\n" + GOOD + "the only one,rare\n")
    assert "the only one" in read(tmp_path / "data.csv").train.texts


def test_hash_follows_the_content(tmp_path: Path) -> None:
    hashes = set()
    for content in (
        GOOD,
        GOOD.replace("text 3 of a", "text three of a"),
        GOOD.replace(",c", ",d"),
        GOOD + "one more,a\n",
    ):
        (tmp_path / "data.csv").write_text("text,label\n" + content)
        hashes.add(read(tmp_path / "data.csv").sha256)
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.csv", "text,label\n" + GOOD + ",a\n", "d.csv, line 62: the text is .?empty.*non-empty string"),
        ("d.csv", "text,label\n" + GOOD + '"  \n",a\n', "d.csv, line 62: the text is .?empty"),
        ("d.csv", "text,label\n" + GOOD + "hello,\n", "d.csv, line 62: the label is missing; expected a name"),
        ("d.csv", "text,label\n" + GOOD + "hello\n", "d.csv, line 62: the label is missing"),
        (
            "d.csv",
            "foo,bar\n1,2\n",
            "d.csv: no text column; its columns are foo, bar; expected one of text, sentence, content",
        ),
        (
            "d.csv",
            "text,bar\n1,2\n",
            "d.csv: no label column; its columns are text, bar; expected one of label, category, intent",
        ),
        ("d.csv", "", "d.csv: no rows"),
        ("d.csv", "text,label\n", "d.csv: no rows"),
        ("d.csv", "text,label\nx,a\ny,a\nz,a\n", r"1 label\(s\).*at least 2"),
        (
            "d.csv",
            "text,label\nx,a\ny,b\n",
            "no label has more than 1 different text, too few to hold out test and validation rows; expected at least "
            "3 a label",
        ),
        (
            "d.csv",
            "text,label\nx,a\ny,b\nz,a\nv,b\n",
            "no label has more than 2 different texts, too few to hold out test and validation rows",
        ),
        ("d.csv", "text,label\ncafé,a\n".encode("latin-1"), "d.csv.*not UTF-8.*expected a UTF-8 file"),
        ("d.jsonl", JSON_ROWS + '{"text": "a"', "d.jsonl, line 61: not JSON .*expected one object a line"),
        ("d.jsonl", JSON_ROWS + '["a", "b"]', "d.jsonl, line 61: a JSON list; expected one object a line"),
        ("d.jsonl", JSON_ROWS + '{"text": null, "label": "a"}', "d.jsonl, line 61: the text is .?empty"),
        (
            "d.jsonl",
            JSON_ROWS + '{"text": ["a"], "label": "a"}',
            r"d.jsonl, line 61: the text is \['a'\]; expected a non-empty string",
        ),
        (
            "d.jsonl",
            JSON_ROWS + '{"text": "a", "label": 1.5}',
            "d.jsonl, line 61: the label is 1.5; expected a name or a whole number",
        ),
        ("d.jsonl", JSON_ROWS + '{"text": "a", "label": null}', "d.jsonl, line 61: the label is missing"),
        ("d.jsonl", b"\xff\xfe", "d.jsonl: no rows"),
        ("d.parquet", b"PAR1 no", "d.parquet: not a readable Parquet file"),
        pytest.param("d.csv", "text,label\n" + GOOD + "well, no,a\n", "d.csv, line 62"),
        ("d.csv", "text,label\n" + GOOD + "\n\n,a\n", "d.csv, line 64"),
        ("d.jsonl", JSON_ROWS + '\n\n{"text": "", "label": "a"}', "d.jsonl, line 63"),
        ("d.jsonl", JSON_ROWS + r'{"text": "\ud800", "label": "a"}', "d.jsonl, line 61"),
        pytest.param("d.csv", ("text,label\n" + GOOD * 20).encode() + b"caf\xe9,a\n", f"byte {len(GOOD) * 20 + 14} "),
    ],
)
def test_unusable_rows_are_refused_with_file_row_and_reason(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BonsaiError, match=said) as refused:
        read(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"train.csv": "x,a\ny,b\n", "test.csv": GOOD.replace(",c", ",a")},
            "1 different text, too few to hold out validation rows; expected at least 2 a label",
        ),
        (
            {"train.csv": GOOD, "test.csv": "fine,a\nnew,d\n"},
            "test.csv, line 3: the label 'd' occurs in no training row",
        ),
        (
            {"train.csv": GOOD, "dev.csv": "new,d\n", "test.csv": "fine,a\n"},
            "dev.csv, line 2: the label 'd' occurs in no training row",
        ),
        ({"test.csv": GOOD}, "no train file; expected train.csv"),
        ({"train.csv": GOOD, "train.jsonl": ""}, "train.csv and in train.jsonl; expected one file a split"),
        ({"train.csv": GOOD, "val.csv": GOOD, "dev.csv": GOOD}, "dev.csv and in val.csv; expected one file a split"),
    ],
)
def test_unusable_folders_are_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text("text,label\n" + content)
    with pytest.raises(BonsaiError, match=re.escape(said)):
        read(tmp_path)


@pytest.mark.parametrize("source", ["missing.csv", "/no/such/folder", "two words", "nobody/no_such_data_set"])
def test_a_source_that_is_not_there_says_what_is_accepted(source: str) -> None:
    with pytest.raises(
        BonsaiError,
        match=rf"^data set '{source}': (no such file or folder; expected 'embedded'|neither a local path nor)[^\n]*$",
    ):
        load_dataset(DatasetSource(source=source))


def test_texts_that_are_equal_to_the_tokenizer_are_held_out_together(tmp_path: Path) -> None:
    rows = [(f"Text {number} of {label}", label) for number in range(20) for label in "ab"]
    again = [(f"text {number}  of {label}", label) for number in range(20) for label in "ab"]
    found = read(write(tmp_path / "data.csv", [{"text": text, "label": label} for text, label in rows + again]))
    parts = [
        {" ".join(text.lower().split()) for text in split.texts}
        for split in (found.train, found.validation, found.test)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    assert all(set(split.labels) == {0, 1} for split in (found.train, found.validation, found.test))


def test_whole_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    file = write(
        tmp_path / "data.csv",
        [{"text": f"text {number} of {label}", "label": label} for number in range(5) for label in range(12)],
    )
    assert read(file).labels == tuple(map(str, range(12)))


def test_the_split_has_a_seed_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\n" + GOOD)
    assert read(tmp_path / "data.csv", 1).sha256 != read(tmp_path / "data.csv", 2).sha256


def test_a_name_that_is_no_utf_8_is_a_sentence() -> None:
    given = DatasetSource().model_copy(update={"source": "donn\udce9es.csv"})  # as the command line has it
    with pytest.raises(BonsaiError, match=r"data set 'donn.es.csv': its name is not UTF-8; rename it"):
        load_dataset(given)


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,b\n")
    (tmp_path / "test.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(BonsaiError, match=r"test.csv cannot be read \(No such file or directory\); expected files"):
        read(tmp_path)
