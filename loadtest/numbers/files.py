"""Files that a reader, and a crash, sees old or new, never half of them."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from loadtest.errors import LoadTestError


def write_json(file: Path, content: Any) -> None:
    """Write JSON, without NaN or infinity (LoadTestError)."""
    with replaced(file) as out:
        try:
            json.dump(content, out, indent=1, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise LoadTestError(f"'{file}' cannot be written: {error}; expected numbers that JSON has") from error
        out.write("\n")


@contextmanager
def replaced(file: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a draft that takes the file's place once it is whole and on the disk, that of the file behind a symbolic
    link (LoadTestError).
    """
    file = _behind(file)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open(mode, encoding=None if "b" in mode else "utf-8") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        raise _unwritten(file, error) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def check_place(file: Path) -> None:
    """Refuse a place for a result before it is measured (LoadTestError)."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=_behind(file).parent):
            pass
        if file.is_dir():
            raise LoadTestError(f"'{file}' is a folder; expected a file with --out")
    except OSError as error:
        raise _unwritten(file, error) from error


def _behind(file: Path) -> Path:
    """Follow symbolic links to what is to be replaced (LoadTestError where a device, a pipe or a socket is there, which
    would be lost).
    """
    found = Path(os.path.realpath(file))
    if found.exists() and not (found.is_file() or found.is_dir()):
        raise LoadTestError(f"'{file}' is a device, a pipe or a socket; expected a file with --out")
    return found


def _unwritten(file: Path, error: OSError) -> LoadTestError:
    return LoadTestError(f"'{file}' cannot be written ({error.strerror}); choose another place with --out")
