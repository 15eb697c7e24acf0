"""Read one file of a data set: by its ending, and text in whichever Unicode encoding its first bytes announce."""

import codecs
import gzip
import re
import zlib
from importlib.util import find_spec
from pathlib import Path

from models.data.arrow import read_arrow, read_parquet
from models.data.columns import Table
from models.data.delimited import read_delimited
from models.data.json_rows import read_json
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.files import refuse_pointer

TEXT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".arrow")
ACCEPTED = f"{', '.join(SUFFIXES)} (text files also with .gz)"
OTHERS = {
    b"PK\x03\x04": "a ZIP archive (an Excel file is one: save it as CSV)",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save it as CSV)",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\0": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3\0": "an SQLite database",
    b"%PDF-": "a PDF document",
}
# UTF-32's mark begins with UTF-16's, so it is looked for first.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def file_type(path: Path) -> str | None:
    """Return the ending that says how a file is read, in lower case and without `.gz`, or None where it is none of
    those accepted.
    """
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    suffix = Path(plain).suffix
    return suffix if suffix in (TEXT_SUFFIXES if plain != name else SUFFIXES) else None


def bare_name(path: Path) -> str:
    """Return a file's name without the ending that says how it is read."""
    return path.name[: len(path.name.lower().removesuffix(".gz").removesuffix(file_type(path) or ""))]


def read_table(path: Path, file: str, source: DatasetSource) -> Table:
    """Return the columns and rows of a file, which messages call `file` (BonsaiError)."""
    suffix = file_type(path)
    if suffix is None:
        raise BonsaiError(f"data set '{path}': unknown file type '{path.suffix}'; expected one of {ACCEPTED}")
    if suffix in (".parquet", ".arrow") and find_spec("pyarrow") is None:
        raise BonsaiError(f"{file}: it takes pyarrow, which is not installed here; expected {', '.join(TEXT_SUFFIXES)}")
    refuse_pointer(path, file)
    if suffix == ".parquet":
        return read_parquet(path, file)
    if suffix == ".arrow":
        return read_arrow(path, file)
    text = _decode(_content(path, file), file)
    return (
        read_delimited(text, file, source, tabs=suffix == ".tsv")
        if suffix in (".csv", ".tsv")
        else read_json(text, file, source)
    )


def _content(path: Path, file: str) -> bytes:
    content = path.read_bytes()
    if path.suffix.lower() != ".gz":
        what = next((what for mark, what in OTHERS.items() if content.startswith(mark)), None)
        if what is not None:
            raise BonsaiError(f"{file}: {what} under another name; expected {ACCEPTED}")
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise BonsaiError(f"{file}: not a readable gzip file ({error})") from error


def _decode(content: bytes, file: str) -> str:
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        expected = "a UTF-8 file, or UTF-16 with its mark at the start"
        raise BonsaiError(
            f"{file}, line {line}: byte {error.start} is not {encoding.removesuffix('-sig').upper()} "
            f"({error.reason}); expected {expected}"
        ) from error
    if found := re.search("\0", text):
        line = text.count("\n", 0, found.start()) + 1
        raise BonsaiError(
            f"{file}, line {line}: a zero byte, which no text holds (UTF-16 without its mark at the start?); expected "
            "a UTF-8 file"
        )
    return text
