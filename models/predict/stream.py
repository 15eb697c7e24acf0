"""A text file as a stream of UTF-8, wherever it begins: unzipped, and from UTF-16 where its first bytes say so."""

import codecs
import gzip
import io
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from models.data.readers import MARKS
from models.runtime.errors import BonsaiError

LONGEST = 2**24  # bytes of a line or a field: what is longer is no row, and would not fit in memory in the end
STEP = 2**20


class Stream:
    """A file read piece by piece (BonsaiError where it cannot be); `at` counts bytes of the text as UTF-8."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self._path, self._size = path, path.stat().st_size
        self._raw = path.open("rb")
        try:
            self._begin(path, at)
        except BaseException:
            self._raw.close()
            raise

    def _begin(self, path: Path, at: int) -> None:
        self._content: IO[bytes] = self._raw
        zipped = path.suffix.lower() == ".gz"
        if zipped:
            self._content = cast(IO[bytes], gzip.GzipFile(fileobj=self._raw))
        first = self._tried(self._content.peek, 4)[:4]  # type: ignore[attr-defined]
        encoding = next((name for mark, name in MARKS if first.startswith(mark)), None)
        if encoding is not None:
            self._content = io.BufferedReader(_Recoded(self._content, encoding), STEP)
        self.at = 0
        if not zipped and encoding is None:
            self._content.seek(at)
            self.at = at
        while self.at < at:
            self.at += len(self._read(min(STEP, at - self.at))) or at
        if at == 0 and first.startswith(codecs.BOM_UTF8):
            self.at += len(self._read(len(codecs.BOM_UTF8)))

    def read_lines(self, size: int, line: int) -> bytes:
        """Return so many bytes, up to the end of the line that is the last of them; none at the end of the file."""
        data = self._read(size)
        if data and not data.endswith(b"\n"):
            data += self._tried(self._content.readline, LONGEST)
            if len(data) >= LONGEST and not data.endswith(b"\n"):
                last = line + data.count(b"\n")
                raise BonsaiError(
                    f"{self._path.name}, line {last}: longer than {LONGEST >> 20} MiB; expected a row a line"
                )
        self.at += len(data)
        return data

    def read_line(self) -> bytes:
        """Return one line more."""
        line = self._tried(self._content.readline, LONGEST)
        self.at += len(line)
        return line

    @property
    def share(self) -> float:
        """How much of the file is read."""
        return min(1.0, self._raw.tell() / max(1, self._size))

    def _read(self, size: int) -> bytes:
        return self._tried(self._content.read, size)

    def _tried(self, read: Any, size: int) -> bytes:
        try:
            content: bytes = read(size)
        except UnicodeDecodeError as error:
            raise BonsaiError(f"{self._path.name}: not {error.encoding.upper()} ({error.reason})") from error
        except (OSError, EOFError, zlib.error) as error:
            raise BonsaiError(f"{self._path.name}: cannot be read to its end ({error})") from error
        return content

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()


class _Recoded(io.RawIOBase):
    """Text in another Unicode encoding, as UTF-8."""

    def __init__(self, source: IO[bytes], encoding: str) -> None:
        self._source, self._left = source, b""
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        given = b"-"
        while given and not self._left:
            given = self._source.read(len(into))
            self._left = self._decoder.decode(given, final=not given).encode()
        taken = min(len(into), len(self._left))
        into[:taken], self._left = self._left[:taken], self._left[taken:]
        return taken


def decode(data: bytes, name: str, line: int) -> str:
    """Return some lines as text (BonsaiError where they are not UTF-8, or hold a zero byte)."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BonsaiError(
            f"{_place(data, name, line, error.start)}: not UTF-8 ({error.reason}); expected a UTF-8 file, or UTF-16 "
            "with its mark at the start"
        ) from error
    if (found := data.find(b"\0")) >= 0:
        raise BonsaiError(f"{_place(data, name, line, found)}: a zero byte, which no text holds; expected a UTF-8 file")
    return text


def _place(data: bytes, name: str, line: int, byte: int) -> str:
    before = data.count(b"\n", 0, byte)
    return f"{name}, line {line + before}"
