"""Replace files and folders so that a reader, and a crash, finds the old one whole or the new one, never half of it."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from models.runtime.errors import BonsaiError

LFS = b"version https://git-lfs.github.com/spec/"  # how a pointer begins
DRAFT = ".draft-"
NOT_TAKEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextmanager
def replaced(file: Path, newline: str | None = None) -> Iterator[TextIO]:
    """Open a draft to write UTF-8 text to; it takes the file's place once it is whole and on the disk, that of the file
    behind a symbolic link (BonsaiError where a device, a pipe or a socket is there, which would be lost).
    """
    file = _behind(file)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline=newline) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def why_not_taken(error: BaseException) -> str | None:
    """Return why the disk did not take what was written, or None where something else went wrong: libraries written in
    Rust or C++ say it in words alone.
    """
    if isinstance(error, OSError) and error.errno in NOT_TAKEN:
        return os.strerror(error.errno)
    said = str(error)
    return next((reason for reason in map(os.strerror, NOT_TAKEN) if reason in said), None)


def write_json(file: Path, content: object) -> None:
    """Write JSON in one move."""
    with replaced(file) as out:
        json.dump(content, out, indent=2, ensure_ascii=False)
        out.write("\n")


def write_result(file: Path, content: object) -> None:
    """Write what was measured, as JSON (BonsaiError where it cannot be written)."""
    with _placed(file):
        write_json(file, content)


def check_place(file: Path) -> None:
    """Refuse a place for a result before it is measured (BonsaiError)."""
    with _placed(file), tempfile.TemporaryFile(dir=_behind(file).parent):
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _behind(file: Path) -> Path:
    """Follow symbolic links to what is to be replaced (BonsaiError)."""
    found = Path(os.path.realpath(file))
    if found.exists() and not (found.is_file() or found.is_dir()):  # a folder's refusal is the system's own
        raise BonsaiError(f"'{file}' is a device, a pipe or a socket; expected a file, which is there or not")
    return found


@contextmanager
def _placed(file: Path) -> Iterator[None]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BonsaiError(
            f"the result cannot be written to '{file}' ({error.strerror}); choose another file with --out"
        ) from error


def publish(draft: Path, target: Path) -> None:
    """Move a finished folder into place, over an older one."""
    for file in draft.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    old = target.with_name(f"{DRAFT}old-{target.name}")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def refuse_pointer(path: Path, file: str) -> None:
    """Refuse what Git leaves in the place of a large file that was not fetched (BonsaiError)."""
    with path.open("rb") as content:
        if content.read(len(LFS)) == LFS:
            raise BonsaiError(f"{file} is a Git LFS pointer and not the file itself; fetch it with 'git lfs pull'")
