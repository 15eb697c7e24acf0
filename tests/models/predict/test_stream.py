"""A text file is the same stream of UTF-8 however it is stored, and from wherever it is read on."""

import gzip
from pathlib import Path

import pytest

from models.predict import stream
from models.predict.stream import Stream, decode
from models.runtime.errors import BonsaiError

TEXT = "".join(f"line {number} ünï 🙂\n" for number in range(300))


@pytest.mark.parametrize("name", ["plain.csv", "marked.csv", "utf16.csv", "utf32.csv", "zipped.csv.gz"])
def test_it_goes_on_anywhere(tmp_path: Path, name: str) -> None:
    encoding = {"marked.csv": "utf-8-sig", "utf16.csv": "utf-16", "utf32.csv": "utf-32"}.get(name, "utf-8")
    content = TEXT.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    pieces, places = [], []
    with Stream(tmp_path / name) as whole:
        places.append(whole.at)
        while piece := whole.read_lines(100, 1):
            pieces.append(piece)
            places.append(whole.at)
        assert whole.share == 1
    assert b"".join(pieces).decode().removeprefix("\ufeff") == TEXT
    assert all(piece.endswith(b"\n") for piece in pieces)
    for number in (1, 7, len(pieces) - 1):
        with Stream(tmp_path / name, places[number]) as rest:
            assert rest.read_lines(100, 1) == pieces[number]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST", 50)
    (tmp_path / "in.csv").write_text("text\n" + "a" * 90)
    with Stream(tmp_path / "in.csv") as content, pytest.raises(BonsaiError, match=r"in.csv, line 4: longer than"):
        content.read_lines(8, 3)


def test_what_is_no_text_is_said_with_its_line() -> None:
    with pytest.raises(BonsaiError, match=r"in.csv, line 9: not UTF-8"):
        decode(b"a\nb\n\xff", "in.csv", 7)
    with pytest.raises(BonsaiError, match=r"in.csv, line 8: a zero byte"):
        decode(b"a\nb\0\n", "in.csv", 7)
