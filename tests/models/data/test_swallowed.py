from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import delimited, file, read

NUMBERED = [(f"text {number}", "late" if number % 2 else "lost") for number in range(120)]
LINES = delimited(NUMBERED).splitlines(keepends=True)


def replaced(lines: dict[int, str]) -> str:
    """The rows of NUMBERED with some lines of the file, counted from 1, replaced."""
    return "".join(lines.get(number, line) for number, line in enumerate(LINES, 1))


@pytest.mark.parametrize(
    "lines",
    [
        {7: '"text 5,late\n'},  # and no quote after it
        {7: '"text 5,late\n', 46: '"well, yes",late\n'},
        {7: '"text 5,late\n', 46: 'a screen of 5",late\n'},
        {7: '"text 5,late\n', 8: 'a screen of 5",late\n'},
        {7: '"text, 5","late\n', 46: 'a screen of 5,late"\n'},
        {7: '"text, 5","late\n'},
        {7: '"5" screen",late\n'},
    ],
)
def test_a_quote_without_its_end_is_refused_with_the_line_where_it_opens(tmp_path: Path, lines: dict[int, str]) -> None:
    with pytest.raises(
        BonsaiError, match=r"d.csv, line 7: the quote that opens in this row .*expected a closing quote"
    ):
        read(file(tmp_path, "d.csv", replaced(lines)))


def test_an_open_quote_among_rows_sorted_by_label_is_refused(tmp_path: Path) -> None:
    rows = "".join(
        '"open,l5\n' if number == 50 else 'a 5",l6\n' if number == 60 else f"text {number},l{number // 10}\n"
        for number in range(120)
    )
    with pytest.raises(BonsaiError, match=r"line 52: the quote that opens in this row ends in line 62"):
        read(file(tmp_path, "d.csv", "text,label\n" + rows))


def test_texts_over_several_lines_are_read(tmp_path: Path) -> None:
    rows = [
        (f'Dear all,\nplease, {number}, now\n\nrefund, late, "a"', label)
        for number in range(20)
        for label in ("late", "lost")
    ]
    found = read(file(tmp_path, "d.csv", delimited(rows)))
    assert sorted(found.train.texts + found.validation.texts + found.test.texts) == sorted(text for text, _ in rows)


SPOKEN = [(f"I said {number}", ("neg", "pos")[number % 2]) for number in range(40)]


def spoken(order: tuple[str, ...], row: str, delimiter: str = ",", blank: str = "") -> str:
    """Rows in which one line, or several, are given as they stand in the file."""
    lines = [
        delimiter.join({"text": text, "label": label, "id": "7"}[name] for name in order).replace(
            delimiter, delimiter + blank
        )
        for text, label in SPOKEN
    ]
    return "\n".join([delimiter.join(order), *lines[:20], row, *lines[20:], ""])


@pytest.mark.parametrize(
    ("order", "row"),
    [
        (("text", "label"), '"Well, it broke,neg\nfine,pos\na screen of 5",pos'),
        (("text", "label"), '"Well, it broke,neg\n\nfine,pos\n\na screen of 5",pos'),
        (("text", "label"), '"Well, it broke,neg\na screen of 5",pos'),
        (("text", "label"), '"Well, ""it"" broke,neg \na screen of 5"\n'),
        (("text", "label"), '"Well, it broke\nfine,pos\nbad,neg\nas it was,pos\na screen of 5",pos'),
        (("text", "label", "id"), '"Well, it broke,neg,7\nfine,pos,7\na screen of 5",pos,7'),
        (("id", "text", "label"), '7,"Well, it broke,neg\n7,fine,pos\n7,a screen of 5",pos'),
        (("label", "text"), 'neg,"Well, it broke\npos,fine\npos,a screen of 5"'),
        (("label", "text"), 'neg,"Well, it broke\n\npos,a screen of 5"'),
        (("label", "id", "text"), 'neg,7,"Well, it broke\npos,7,a screen of 5"'),
        (("text", "id", "label"), '"Well, it broke,7,neg\nfine,7,pos\na screen of 5",7,pos'),
    ],
)
def test_a_lost_quote_is_refused_wherever_text_and_label_stand(
    tmp_path: Path, order: tuple[str, ...], row: str
) -> None:
    for delimiter in ",;|":
        with pytest.raises(BonsaiError, match=r"d.csv, line 22: the quote that opens in this row ends in line 2"):
            read(file(tmp_path, "d.csv", spoken(order, row.replace(",", delimiter), delimiter)), skip_unusable=True)


@pytest.mark.parametrize(
    ("order", "row"),
    [
        (("text", "label"), '"Well,\nit broke, pos\n\nThanks, neg,\n",neg'),
        (("text", "label"), '"He is neg\nbut I am, I think, pos\nsay ""well"", neg",pos'),
        (("text", "label"), '"Berlin, Germany\nMunich, Germany\nBonn, Germany",pos'),
        (("text", "label"), '"one,\ntwo,\nthree,\n",pos'),
        (("text", "label"), '"7,pos is what\nI, you\nsay",pos'),
        (("label", "text"), 'neg,"Well,\npos, I say, is\nneg, too"'),
        (("label", "text"), 'neg,"Well,\npos\nneg"'),
        (("label", "text", "id"), 'neg,"Well,\n\nit, too, is neg",7'),
    ],
)
def test_texts_with_lines_that_resemble_rows_are_read(tmp_path: Path, order: tuple[str, ...], row: str) -> None:
    found = read(file(tmp_path, "d.csv", spoken(order, row)))
    assert len(found.train) + len(found.validation) + len(found.test) == len(SPOKEN) + 1


def test_a_number_at_the_end_of_a_line_is_no_label(tmp_path: Path) -> None:
    rows = [(f"Es war {number},5\nund kostet {number},{number % 5}\nHm", str(number % 5)) for number in range(9)]
    stars = [(f"Gut {number}", str(number % 5)) for number in range(40)]
    found = read(file(tmp_path, "d.csv", delimited([(text.split("\n", 1)[1], label) for text, label in rows] + stars)))
    assert len(found.train) + len(found.validation) + len(found.test) == 49
    for lost in ('"Gut,3\nNa,4\nIn 5",3\n', '"Gut 7,3\nGut 7,4\nGut 7,2\nIn 5",3\n'):
        with pytest.raises(BonsaiError, match="line 42: the quote that opens"):
            read(file(tmp_path, "d.csv", delimited(stars) + lost))
