"""Progress on the terminal: a bar where a person watches; where a log is written, a line now and then and one a
finished task.
"""

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from models.runtime.followed import tell_share

SILENCE_S = 15.0  # a log that says nothing for longer looks like a process that hangs
console = Console(stderr=True, highlight=False)
last_said = [0.0]  # when any task last said something: several short ones in a row are one silence


class Bar:
    """A context manager around one long task."""

    def __init__(self, title: str, total: int, unit: str = "") -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(title, total=total, note="")
        self._title, self._total, self._unit = title, total, unit

    def __enter__(self) -> "Bar":
        self._start = time.monotonic()
        last_said[0] = last_said[0] or self._start
        self._progress.start()
        return self

    def advance(self, note: str = "", by: float = 1) -> None:
        """Move the bar on by some steps of its total."""
        fields: dict[str, Any] = {"note": note} if note or by else {}
        self._progress.update(self._task, advance=by, **fields)
        tell_share(self._progress.tasks[0].completed / max(1, self._total))
        if not console.is_terminal and time.monotonic() - last_said[0] > SILENCE_S:
            last_said[0] = time.monotonic()
            console.print(
                f"  {self._title}: {self._progress.tasks[0].completed:.0f} of {self._total}{self._unit}"
                f"{note and f', {note}'}",
                markup=False,
            )

    def finish(self, note: str) -> None:
        """Say in one line, which stays, how the task ended and what it took."""
        self._progress.stop()
        last_said[0] = time.monotonic()
        console.print(f"  {self._title}: {note} [{time.monotonic() - self._start:.0f} s]", markup=False)

    @property
    def beat(self) -> "Beat":
        """A sign of life for what is done beside the steps that are counted."""
        return Beat(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class Beat:
    """What long work within another task's bar is told to: where that has been silent for long, it says where it is."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def advance(self, note: str = "", by: float = 1) -> None:
        """Go on, by whatever it is: the bar stays where it is."""
        self._bar.advance(note, by=0)
