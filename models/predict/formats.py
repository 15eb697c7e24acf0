"""What a file holds, by its suffix, and what is known of an input before its rows are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from models.data.dialect import Dialect
from models.runtime.errors import BonsaiError

KINDS = {".csv": "delimited", ".tsv": "delimited", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet"}
ACCEPTED = f"{', '.join(KINDS)} (text files also with .gz)"
LEAST_WINDOW, MOST_WINDOW = 16_384, 262_144  # bytes of text that are computed together: 4,000 short texts at the most
LEAST_ROWS, MOST_ROWS = 256, 4096  # the same in rows, of Parquet
WINDOWS = 64  # that a file is cut into at least, if it is not too small: all cores get some


class Format(NamedTuple):
    """How a file's rows are written."""

    kind: str  # one of KINDS
    tabs: bool = False
    zipped: bool = False


@dataclass(frozen=True)
class Input:
    """One file of rows: where they begin and how they are read; `window` is in bytes, of Parquet in rows."""

    path: Path
    format: Format
    columns: tuple[str, ...]
    text: str  # the column of the texts; empty where there is no row at all
    window: int
    start: int = 0  # where the first row begins: bytes of the text as UTF-8, or rows
    line: int = 1  # its number, as people count lines or rows
    dialect: Dialect | None = None
    schema: bytes | None = None  # Arrow's, of Parquet; of JSON what its first rows come to

    @property
    def name(self) -> str:
        """What a message calls it."""
        return self.path.name


class Window(NamedTuple):
    """Some rows of an input that are computed together, as they stand there or as an Arrow message."""

    data: bytes
    line: int  # of its first row
    end: int  # where the next window begins
    next_line: int
    share: float  # of the input that is read by then


class Rows(Protocol):
    """The usable rows of a window, in a form that all formats can be written from, and what is wrong with the
    others.
    """

    texts: list[str]
    unusable: list[tuple[str, str]]  # where, and why

    def fields(self) -> list[list[Any]]:
        """The cells of every row."""
        ...

    def objects(self) -> Iterator[str]:
        """Every row as a JSON object, without its last bracket."""
        ...

    def batch(self, schema: Any) -> Any:
        """All rows as an Arrow batch."""
        ...


def format_of(path: Path) -> Format:
    """Return a file's format (BonsaiError where its suffix names none)."""
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    suffix = Path(plain).suffix
    zipped = plain != name
    if suffix not in KINDS or (zipped and KINDS[suffix] == "parquet"):
        raise BonsaiError(f"'{path}': unknown file type '{''.join(path.suffixes[-2:])}'; expected one of {ACCEPTED}")
    return Format(KINDS[suffix], suffix == ".tsv", zipped)


def window_of(size: int, least: int = LEAST_WINDOW, most: int = MOST_WINDOW) -> int:
    """Return how much of a file of this size is computed together; it follows from the file, so that a resumed run cuts
    where the first one did.
    """
    return max(least, min(most, size // WINDOWS))


def refuse_doubles(columns: Sequence[str], name: str) -> None:
    """Refuse two columns of one name (BonsaiError)."""
    doubles = [column for number, column in enumerate(columns) if column in columns[:number]]
    if doubles:
        raise BonsaiError(f"{name}: two columns are called '{doubles[0]}'; expected each name once")
