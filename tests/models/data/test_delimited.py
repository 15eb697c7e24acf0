import re
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, json_lines, read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, delimited(delimiter=delimiter)) for delimiter in ",;\t|" for name in ("d.csv", "d.tsv")),
        ("d.csv", "sep=;\r\n" + delimited(delimiter=";")),
        ("d.csv", '"sep=,"\n' + delimited()),
        ("d.csv", delimited(header=(" Text ", "LABEL"))),
        ("d.csv", delimited(header=("Sentence", "Intent"), delimiter=";")),
        ("d.csv", delimited(header=None)),
        ("d.csv", delimited(header=None, delimiter=";")),
        ("d.tsv", "".join(f"{label}\t{text}\n" for text, label in ROWS)),
        ("d.csv", delimited().replace("\n", "\r\n")),
        ("d.csv", delimited().replace("\n", "\r")),
        ("d.csv", delimited().replace("\n", "\n\n")),
    ],
)
def test_every_dialect_holds_the_same_data(tmp_path: Path, name: str, content: str) -> None:
    same = file(tmp_path, "same.csv", delimited())
    assert read(file(tmp_path, name, content)).sha256 == read(same).sha256


def test_a_first_line_that_is_a_row_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(file(tmp_path, "d.csv", delimited(header=None)))
    assert (
        "d.csv: the first line is a row, not names of columns; the columns are read as text and label"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "content",
    [
        "hello,late\nbye,late\nfoo,lost\n",
        "1,where is my parcel,late\n2,where is it,late\n",
        "message,spam\nwin now,spam\nhi,ham\n",
    ],
)
def test_a_first_line_that_may_be_either_is_refused_with_the_likely_cause(tmp_path: Path, content: str) -> None:
    with pytest.raises(
        BonsaiError,
        match=(
            r"d.csv: no text column; its columns are .*--text-column.*if that first line is a row already, put one "
            r"with the names"
        ),
    ):
        read(file(tmp_path, "d.csv", content))


@pytest.mark.parametrize("mark", ["^", "~", ":", "::", "\x01", "@@@", " "])
def test_a_delimiter_that_is_not_known_is_named(tmp_path: Path, mark: str) -> None:
    content = delimited().replace(",", mark)
    said = f"d.csv: the first line, {f'text{mark}label'!r}, is cut by {mark!r}; expected fields that a comma"
    with pytest.raises(BonsaiError, match=f"^{re.escape(said)}"):
        read(file(tmp_path, "d.csv", content))


def test_a_text_that_holds_other_delimiters_is_left_alone(tmp_path: Path) -> None:
    rows = [(f"{number}; a, b\tc | d", label) for number in range(9) for label in ("x", "y")]
    for delimiter in ",;\t|":
        found = read(file(tmp_path, "d.csv", delimited(rows, delimiter)))
        assert {*found.train.texts, *found.validation.texts, *found.test.texts} == {text for text, _ in rows}


def test_a_long_document_is_read_whole(tmp_path: Path) -> None:
    long = "word " * 60_000
    found = read(file(tmp_path, "d.csv", delimited([*ROWS, (long, "a")])))
    assert long in (*found.train.texts, *found.validation.texts, *found.test.texts)


@pytest.mark.parametrize("content", ["", "\n\n", "sep=;\n", "text,label\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(BonsaiError, match=r"d.csv: no rows; expected at least one text"):
        read(file(tmp_path, "d.csv", content))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_names_of_columns_in_the_middle_are_no_row(tmp_path: Path, mark: str) -> None:
    again = delimited().replace("text ", "more ")
    with pytest.raises(BonsaiError, match=r"1 of 121 rows is unusable: d.csv, line 62: the names of the columns again"):
        read(file(tmp_path, "d.csv", delimited() + mark + again))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '"text"\t"label"\n' + "".join(f'"{row}"\t"some text"\t"a"\n' for row in range(9)),
            "each row has 3 fields, and the first line names 2 columns: the names of rows stand without one",
        ),
        ("text,label\n" + "some text,a,\n" * 9, "each row ends with a delimiter"),
        ("text,label\n" + "well, some text,a\n" * 9, "each holds ',' within a text; expected quotes around"),
        ("text,label\n" + "foo;a\nbar;b\n" * 9, "the first line is cut by ',', which no row has"),
    ],
)
def test_a_fault_of_all_rows_is_said_with_its_cause(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BonsaiError, match=said):
        read(file(tmp_path, "d.tsv" if "\t" in content else "d.csv", content))


@pytest.mark.parametrize("mark", ["\ufeff\ufeff", "\ufeff\u200b", "\u2060"])
def test_marks_that_nobody_sees_are_no_part_of_a_name(tmp_path: Path, mark: str) -> None:
    same = read(file(tmp_path, "same.csv", delimited())).sha256
    assert read(file(tmp_path, "d.csv", mark + delimited())).sha256 == same
    lines = json_lines()
    assert read(file(tmp_path, "d.jsonl", lines[:500] + lines[500:].replace("\n", "\n\ufeff", 1))).sha256 == same


@pytest.mark.parametrize("label", ["['a', 'c']", "[0]", "{'a'}"])
def test_several_labels_in_a_cell_are_no_label(tmp_path: Path, label: str) -> None:
    with pytest.raises(BonsaiError, match="a list, and several labels a text are not supported"):
        read(file(tmp_path, "d.csv", delimited([*ROWS, ("text", label)])))
