"""The folder beside an output in which it grows, and a journal of what is safely there: a killed run goes on from its
last entry.

Rows are appended to one file; an entry is written once what it speaks of is on the disk. What was written after the
last entry is cut off, and computed again.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.predict.work import Done
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json

JOB, ROWS, JOURNAL, LOCK, PUBLISHED = "job.json", "rows", "journal.jsonl", ".lock", "published"
EVERY_S = 1.0  # between entries: what a crash costs, and seldom enough for a disk that flushes slowly


@dataclass(frozen=True)
class Place:
    """How far a run is: where the next window begins, the size of what is written, and what it holds."""

    at: int
    line: int
    size: int = 0
    rows: int = 0
    unusable: int = 0
    first: str = ""  # of the unusable ones
    done: bool = False


class Unfinished:
    """An output that grows."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.place = place
        self._written = place
        self._rows = (folder / ROWS).open("r+b")
        self._rows.truncate(place.size)
        self._rows.seek(place.size)
        self._journal = (folder / JOURNAL).open("ab")
        self._last = time.monotonic()

    def add(self, done: Done) -> None:
        """Append what came of a window."""
        self._rows.write(done.data)
        place = self._written
        first = place.first or (": ".join(done.unusable[0]) if done.unusable else "")
        self._written = Place(
            done.end,
            done.next_line,
            place.size + len(done.data),
            place.rows + done.rows,
            place.unusable + len(done.unusable),
            first,
        )
        if time.monotonic() - self._last > EVERY_S:
            self.keep()

    @property
    def rows(self) -> int:
        """How many rows are written."""
        return self._written.rows

    def keep(self, done: bool = False) -> None:
        """Make safe what is written so far."""
        self._rows.flush()
        os.fsync(self._rows.fileno())
        self.place = replace(self._written, done=done)
        self._journal.write(json.dumps(asdict(self.place)).encode() + b"\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._last = time.monotonic()

    def close(self) -> None:
        """Leave it as it is."""
        for file in (self._rows, self._journal):
            try:
                file.close()
            except OSError:  # a full disk, a second time: what the journal says is there
                file.raw.close()


def folder_of(target: Path) -> Path:
    """Return the folder in which an output grows."""
    return target.with_name(f"{target.name}.unfinished")


@contextmanager
def unfinished(target: Path, job: dict[str, Any], start: Place, head: bytes, *, force: bool) -> Iterator[Unfinished]:
    """Open the folder of an output, as another run of the same job left it or with nothing but its `head`
    (BonsaiError where another job left it, unless `force` says to begin anew, or another run is at it).
    """
    folder = folder_of(target)
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BonsaiError(f"another run is writing '{target}'; wait for it, or name another file") from error
        place = _left(folder, job, force=force)
        if place is None:
            for name in (JOB, JOURNAL, ROWS, PUBLISHED):
                (folder / name).unlink(missing_ok=True)
            (folder / ROWS).write_bytes(head)
            place = replace(start, size=len(head))
            write_json(folder / JOB, job)
        output = Unfinished(folder, place)
        try:
            yield output
        finally:
            output.close()


def is_finished(target: Path, job: dict[str, Any]) -> Place | None:
    """Return what a finished output holds whose run was killed before it had removed the folder, and remove it."""
    folder = folder_of(target)
    if not target.exists() or _read(folder / JOB) != job or _read(folder / PUBLISHED) != target.stat().st_ino:
        return None
    place = _last_entry(folder)
    shutil.rmtree(folder)
    return place


def publish(finished: Path, target: Path) -> None:
    """Put a finished file where it was asked for, and remove the folder."""
    with finished.open("rb") as file:
        os.fsync(file.fileno())
    folder = folder_of(target)
    write_json(folder / PUBLISHED, finished.stat().st_ino)  # which file it is that a killed run may have moved already
    finished.replace(target)
    shutil.rmtree(folder)


def _left(folder: Path, job: dict[str, Any], *, force: bool) -> Place | None:
    """Return how far another run of this job came; none where there was no other (BonsaiError where it was another
    job's).
    """
    found = _read(folder / JOB)
    if found is None or (found != job and force):
        return None
    if found != job:
        changed = sorted(key for key in {*found, *job} if found.get(key) != job.get(key))
        raise BonsaiError(
            f"'{folder}' holds the beginning of another run ({', '.join(changed)} differ); remove it, or begin anew "
            "with --force"
        )
    place = _last_entry(folder)
    rows = folder / ROWS
    return place if place is not None and rows.exists() and rows.stat().st_size >= place.size else None


def _last_entry(folder: Path) -> Place | None:
    """Return the last entry that is whole; a crash may have cut the one after it."""
    try:
        lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    except OSError:
        return None
    for line in reversed(lines):
        try:
            if line.endswith(b"\n"):
                return Place(**json.loads(line))
        except (ValueError, TypeError):
            continue
    return None


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
