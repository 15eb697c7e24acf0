import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import delimited, file, json_lines, read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (name, text.encode(encoding))
            for encoding in ("utf-8-sig", "utf-16", "utf-32")
            for name, text in (("d.csv", delimited()), ("d.jsonl", json_lines()))
        ),
        ("D.CSV", delimited().encode()),
        ("d.csv.gz", gzip.compress(delimited().encode())),
        ("d.JSONL.GZ", gzip.compress(json_lines().encode("utf-16"))),
    ],
)
def test_endings_and_encodings_hold_the_same_data(tmp_path: Path, name: str, content: bytes) -> None:
    found = read(file(tmp_path, name, content))
    assert found.sha256 == read(file(tmp_path, "same.csv", delimited())).sha256
    assert found.name == name.partition(".")[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.csv", delimited().encode("utf-16-le"), "d.csv, line 1: a zero byte.*UTF-16 without its mark"),
        ("d.csv", delimited().encode() + b"a\0b,a\n", "d.csv, line 62: a zero byte"),
        (
            "d.csv",
            delimited().encode() + "café,a\n".encode("latin-1"),
            "d.csv, line 62: byte .* is not UTF-8 .*expected a UTF-8 file",
        ),
        ("d.csv.gz", b"no", "d.csv.gz: not a readable gzip file"),
        ("d.csv.gz", gzip.compress(delimited().encode())[:-9], "d.csv.gz: not a readable gzip file"),
        ("d.xlsx", b"PK", r"unknown file type '.xlsx'; expected one of .csv, .tsv"),
        ("d.parquet.gz", b"", "unknown file type '.gz'"),
        ("data", b"text,label", "unknown file type ''"),
    ],
)
def test_what_is_no_text_and_no_known_type_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(BonsaiError, match=said):
        read(file(tmp_path, name, content))


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.parquet", "d.arrow", "d.csv.gz"])
def test_a_pointer_of_git_lfs_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(BonsaiError, match=rf"{name} is a Git LFS pointer and not the file itself; fetch it with"):
        read(file(tmp_path, name, POINTER))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 ", "a ZIP archive .an Excel file is one: save it as CSV."),
        (b"\x1f\x8b ", "a gzip file"),
        (b"PAR1 ", "a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel file .save it as CSV."),
        (bz2.compress(b"text,label"), "a bzip2 file"),
        (lzma.compress(b"text,label"), "an xz file"),
        (b"\x28\xb5\x2f\xfd ", "a Zstandard file"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-1.7", "a PDF document"),
    ],
)
def test_another_kind_of_file_under_a_text_s_name_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BonsaiError, match=f"d.csv: {said} under another name; expected .csv"):
        read(file(tmp_path, "d.csv", content))
