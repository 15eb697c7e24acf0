from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, read


def test_tab_separated_files_may_do_without_quotes(tmp_path: Path) -> None:
    rows = [
        (f'"he said {number}{mark}', label)
        for number in range(9)
        for label, mark in (("x", ""), ("y", '"'), ("z", 'a "b"'))
    ]
    found = read(file(tmp_path, "d.tsv", "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows)))
    assert sorted(found.train.texts + found.validation.texts + found.test.texts) == sorted(text for text, _ in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
@pytest.mark.parametrize(
    "line",
    ["{text}, {label}", '{text}, "{label}"', '"{text}", "{label}"', ' "{text}",  "{label}"'],
)
def test_a_blank_after_the_delimiter_belongs_to_it(tmp_path: Path, delimiter: str, line: str) -> None:
    same = read(file(tmp_path, "same.csv", delimited()))
    for header in ("text,label\n", 'text, "label"\n', '"text", "label"\n'):
        content = header + "".join(line.format(text=text, label=label) + "\n" for text, label in ROWS)
        assert read(file(tmp_path, "d.csv", content.replace(",", delimiter))).sha256 == same.sha256


def test_delimiters_and_lines_in_quotes_after_a_blank_belong_to_the_text(tmp_path: Path) -> None:
    texts = [f'Well, {number},\nsaid ""he"", ""she""' for number in range(20)]
    content = "label, text\n" + "".join(f'{"ab"[number % 2]}, "{text}"\n' for number, text in enumerate(texts))
    found = read(file(tmp_path, "d.csv", content))
    assert sorted(found.train.texts + found.validation.texts + found.test.texts) == sorted(
        text.replace('""', '"') for text in texts
    )


@pytest.mark.parametrize("text", [" hello", '" hello"', ' "hi" he said', ' "hi"', '" ""hi"" he, she"', 'a 5" x'])
def test_texts_that_begin_with_a_blank_keep_it(tmp_path: Path, text: str) -> None:
    found = read(file(tmp_path, "d.csv", delimited() + f"{text},a\n"))
    expected = text[1:-1].replace('""', '"') if text.startswith('"') else text
    assert expected in found.train.texts + found.validation.texts + found.test.texts


def test_a_text_after_its_label_may_begin_with_a_blank_and_a_quoted_word(tmp_path: Path) -> None:
    rows = "".join(f"{label},{text}\n" for text, label in ROWS)
    found = read(file(tmp_path, "d.csv", "label,text\n" + rows + 'a, "hi" he said\n'))
    assert ' "hi" he said' in found.train.texts + found.validation.texts + found.test.texts


def test_a_label_with_and_without_quotes_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{text},{label}\n" for text, label in ROWS) + 'and, """a"""\n'
    with pytest.raises(BonsaiError, match=r"""the labels '"a"' \(1 rows\) and 'a' \(20 rows\) differ only in how"""):
        read(file(tmp_path, "d.csv", "text,label\n" + rows))


def test_a_lost_quote_is_refused_where_blanks_follow_delimiters(tmp_path: Path) -> None:
    rows = "".join(f'{text}, "{label}"\n' for text, label in ROWS)
    lost = 'so, "a"\n"Well, it broke, b\nand, b\na screen of 5", a\n'
    with pytest.raises(BonsaiError, match="line 63: the quote that opens in this row ends in line 65"):
        read(file(tmp_path, "d.csv", "text, label\n" + rows + lost))


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("header", ["text,label\n", "'text','label'\n"])
@pytest.mark.parametrize("line", ["'{text}','{label}'", "'{text}',{label}", "'{text}', '{label}'"])
def test_single_quotes_are_quotes_where_every_row_has_them(
    tmp_path: Path, delimiter: str, header: str, line: str
) -> None:
    rows = [(f"it''s {number}{delimiter} so", label) for number in range(20) for label in "ab"]
    content = "".join(
        line.replace(",", delimiter).format(text=text, label=label).replace("\n", "") + "\n" for text, label in rows
    )
    found = read(file(tmp_path, "d.csv", header.replace(",", delimiter) + content))
    assert found.labels == ("a", "b")
    assert sorted({*found.train.texts, *found.validation.texts, *found.test.texts}) == sorted(
        {text.replace("''", "'") for text, _ in rows}
    )


def test_texts_that_begin_or_end_with_a_single_quote_are_left_alone(tmp_path: Path) -> None:
    rows = [(f"'hello {number}' he said", "a") for number in range(9)] + [
        (f"'tis {number}", "b") for number in range(9)
    ]
    found = read(file(tmp_path, "d.csv", delimited(rows)))
    assert sorted(found.train.texts + found.validation.texts + found.test.texts) == sorted(text for text, _ in rows)
