import re
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, read

HELP = "expected the names of the columns in the first line: remove what stands above them"
NAMES = "as a title that an export begins with; " + HELP


@pytest.mark.parametrize(
    "blank", ["\n", " \n", "\t\n", ",\n", ",,,\r\n", ";\r", '""\n', '"",""\n \n', "\ufeff\n", "\u200b\n"]
)
@pytest.mark.parametrize("said", ["", "sep=,\n", "sep=,\n \n"])
def test_blank_lines_and_empty_cells_above_the_names_are_passed_over(tmp_path: Path, blank: str, said: str) -> None:
    same = read(file(tmp_path, "same.csv", delimited())).sha256
    assert read(file(tmp_path, "d.csv", blank + said + delimited())).sha256 == same
    assert read(file(tmp_path, "d.csv", blank + said + delimited(header=None))).sha256 == same


def test_lines_are_counted_from_the_files_start(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"d.csv, line 66: the label is missing"):
        read(file(tmp_path, "d.csv", "\n,\r\nsep=,\n \n" + delimited() + "hello,\n"))


@pytest.mark.parametrize(
    ("above", "said"),
    [
        (
            "Export of 2024-05-01\n",
            f"d.csv, line 1: 'Export of 2024-05-01' stands above the names of the columns in line 2, {NAMES}",
        ),
        ("Export,\n", "d.csv, line 1: 'Export,' stands above the names of the columns in line 2"),
        (
            "\n# Export, of 2024\n\nBy me\n",
            "d.csv, line 2: '# Export, of 2024' stands above the names of the columns in line 5",
        ),
        ('"Export, of\n2024"\n', "stands above the names of the columns in line 3"),
        ("e" * 99 + "\n", "'" + "e" * 60 + "…' stands above the names of the columns in line 2"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_names_is_refused_with_its_line(
    tmp_path: Path, above: str, said: str, delimiter: str
) -> None:
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{re.escape(said)}[^\n]*$"):
        read(file(tmp_path, "d.csv", above + delimited(delimiter=delimiter)))


def test_a_title_above_names_that_are_asked_for_or_unknown_is_refused_too(tmp_path: Path) -> None:
    unknown = file(tmp_path, "d.csv", "Export, of 2024\n" + delimited(header=("q", "y"), delimiter=";"))
    with pytest.raises(BonsaiError, match=r"'Export, of 2024' stands above the names of the columns in line 2"):
        read(unknown, text_column="q", label_column="y")
    with pytest.raises(BonsaiError) as refused:
        read(unknown)
    assert str(refused.value) == (
        "d.csv, line 1: 'Export, of 2024' is one field, and the lines below it have 2 each: a title that an export "
        f"begins with, or too few names; {HELP}"
    )
    with pytest.raises(BonsaiError, match=r"d.csv: no label column; its columns are text; expected"):
        read(file(tmp_path, "d.csv", delimited(ROWS, header=("text",))))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("texts", ["text {}", "well, this; is\ta {}", 'he said "{}"'])
@pytest.mark.parametrize("tail", ["", "{0}", "{0}{0}"])
def test_whole_lines_in_quotes_are_refused_with_their_cause(
    tmp_path: Path, delimiter: str, texts: str, tail: str
) -> None:
    rows = [(texts.format(number), "ab"[number % 2]) for number in range(8)]
    bare = delimited(rows, delimiter).splitlines()
    quoted = ['"' + line.replace('"', '""') + '"' + tail.format(delimiter) for line in bare]
    cases = [(quoted, 1), ([quoted[0], *bare[1:]], 1), ([bare[0], *quoted[1:]], 2), (["", *quoted], 2), (quoted[1:], 1)]
    for lines, line in cases:
        said = (
            rf"^d.csv, line {line}: the whole line stands in quotes, so it is one field, '[^\n]*Text to Columns[^\n]*$"
        )
        with pytest.raises(BonsaiError, match=said):
            read(file(tmp_path, "d.csv", "\n".join(lines) + "\n"))


def test_quotes_around_fields_alone_are_none_around_lines(tmp_path: Path) -> None:
    rows = [(f"well, text {number}", "ab"[number % 2]) for number in range(12)]
    same = read(file(tmp_path, "same.csv", delimited(rows))).sha256
    content = '"text","label"\n' + "".join(f'"{text}","{label}"\n' for text, label in rows)
    assert read(file(tmp_path, "d.csv", content)).sha256 == same
    for delimiter in ";\t|":
        headless = "".join(f'"{text}"{delimiter}{label}\n' for text, label in rows)
        assert read(file(tmp_path, "d.csv", headless)).sha256 == same
    with pytest.raises(BonsaiError, match=r"1 of 13 rows is unusable: d.csv, line 14: the label is missing"):
        read(file(tmp_path, "d.csv", content + '"well, text,a"\n'))


def test_a_first_row_that_another_delimiter_leaves_whole_is_no_title(tmp_path: Path) -> None:
    rows = [(f"a text; of {number}" if number else "a text of 0", "ab"[number % 2]) for number in range(12)]
    same = read(file(tmp_path, "same.csv", delimited(rows))).sha256
    assert read(file(tmp_path, "d.csv", delimited(rows, header=None))).sha256 == same
