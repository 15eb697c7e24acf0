"""Wherever a delimited file is cut, its records stay whole."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.predict.delimited import delimited_rows, delimited_windows, open_delimited
from models.predict.formats import Input, format_of

FIELD = st.text(st.sampled_from('ab ",\n\r\té'), max_size=6)
TEXT = st.text('ab,"\n', min_size=1, max_size=5).map(lambda text: f"t{text}")
FIELDS = st.lists(st.tuples(FIELD, TEXT), max_size=12)


def opened(folder: Path, content: bytes, name: str = "in.csv", window: int = 7) -> Input:
    path = folder / name
    path.write_bytes(content)
    return replace(open_delimited(path, format_of(path), None), window=window)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FIELDS, st.sampled_from(["\n", "\r\n"]), st.integers(1, 40), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_windows_hold_whole_records(
    tmp_path: Path, rows: list[tuple[str, str]], end: str, window: int, quoting: int
) -> None:
    out = io.StringIO(newline="")
    careful = any("\r" in field for field, _ in rows)  # csv itself leaves it without quotes
    lines = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if careful else quoting)
    lines.writerows([("id", "text"), *rows])
    source = opened(tmp_path, out.getvalue().encode(), window=window)
    cut = list(delimited_windows(source, source.start, source.line))
    read = [delimited_rows(source, one) for one in cut]
    wanted = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1:]
    assert [fields for one in read for fields in one.kept] == wanted
    for number, one in enumerate(cut):  # a run that goes on there cuts as this one did
        assert list(delimited_windows(source, one.end, one.next_line)) == cut[number + 1 :]


def test_a_quote_inside_a_field_is_a_character(tmp_path: Path) -> None:
    content = 'id,text\n1,5" disk\n2,"a ""b"",\nc"\n3,6" and 7"\n'
    source = opened(tmp_path, content.encode())
    read = [delimited_rows(source, one) for one in delimited_windows(source, source.start, source.line)]
    assert [text for one in read for text in one.texts] == ['5" disk', 'a "b",\nc', '6" and 7"']


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("id;text\n1;a, b\n2;c\n", ["a, b", "c"]),
        ("sep=|\nid|text\n1|a;b\n", ["a;b"]),
        ('id\ttext\n1\t"a\n2\tb" c\n', ['"a', 'b" c']),
        ("\ufeffText\na, b\n", ["a, b"]),
        ("\n\nid,Sentence\n\n1,a\n\n", ["a"]),
        (' \n,,\n""\nsep=;\n\nid;Sentence\n1;a\n', ["a"]),
        ("id,text,more\n1,a\n", ["a"]),
        ('id, text\n1, "a, b"\n2, "c ""d"""\n', ["a, b", 'c "d"']),
        ("id,text\n" + "1,'a, b'\n2,'it''s'\n" * 2, ["a, b", "it's"] * 2),
        ('id, text\n1, "hi" he said\n', [' "hi" he said']),
        (
            'text\n"Hello,\nmy card is lost"\n"where is ""it""?"\n"a, b"\n',
            ["Hello,\nmy card is lost", 'where is "it"?', "a, b"],
        ),
        ("text\none\ttwo\nthree\n", ["one\ttwo", "three"]),
        ('text\n"Great" product, thanks\n"no\n', ['"Great" product, thanks', '"no']),
        ('id,text\n1,"Hallo\nPreis 3,50\nSumme 8,75"\n2,ok\n', ["Hallo\nPreis 3,50\nSumme 8,75", "ok"]),
    ],
)
def test_files_as_people_have_them(tmp_path: Path, content: str, texts: list[str]) -> None:
    source = opened(tmp_path, content.encode())
    read = [delimited_rows(source, one) for one in delimited_windows(source, source.start, source.line)]
    assert [text for one in read for text in one.texts] == texts
    assert all(len(fields) == len(source.columns) for one in read for fields in one.kept)


@pytest.mark.parametrize(
    "content",
    [
        'text,id\n"great service they said,X1\nmy card is lost,X2\nthe end",X5\nfoo bar,X6\n',
        'id,text\n1,"my card is lost\n2,i was charged twice\n3,foo"\n4,bar\n',
        "text\tid\n" + "a b\tX\n" * 200_000 + '"great service\tX1\nmy card\tX2\nthe end"\tX5\n',
    ],
)
def test_a_quote_that_swallowed_rows_makes_its_own_unusable(tmp_path: Path, content: str) -> None:
    source = opened(tmp_path, content.encode(), window=2**24)
    read = [delimited_rows(source, one) for one in delimited_windows(source, source.start, source.line)]
    ((place, said),) = [each for one in read for each in one.unusable]
    assert place.startswith("in.csv, line ") and "the quote that opens in this row ends 2 lines later" in said
    assert not any("my card" in text for one in read for text in one.texts)


def test_the_names_of_the_columns_again_are_no_row(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,text\n1,a\n\ufeffid,text\n2,b\n".encode(), window=2**20)
    (rows,) = [delimited_rows(source, one) for one in delimited_windows(source, source.start, source.line)]
    assert rows.texts == ["a", "b"]
    assert rows.unusable == [("in.csv, line 3", "the names of the columns again; expected a row")]


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\f", "\v"])
def test_only_the_ends_of_lines_that_csv_knows_are_ends(tmp_path: Path, end: str) -> None:
    content = f'text\tid\n"great service{end} they said\tX1\nmy card is lost\tX2\nthe "end"\tX5\n'
    source = opened(tmp_path, content.encode())
    texts = [
        text
        for one in delimited_windows(source, source.start, source.line)
        for text in delimited_rows(source, one).texts
    ]
    assert texts == [f'"great service{end} they said', "my card is lost", 'the "end"']


def test_utf16_is_read(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,text\n1,ünï\n2,b\n".encode("utf-16"))
    cut = list(delimited_windows(source, source.start, source.line))
    assert [text for one in cut for text in delimited_rows(source, one).texts] == ["ünï", "b"]
    assert list(delimited_windows(source, cut[0].end, cut[0].next_line)) == cut[1:]
