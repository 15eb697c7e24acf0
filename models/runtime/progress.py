"""Progress on the terminal: a bar where a person watches; where a log is written, a line now and then and one a
finished task.
"""

import time
from types import TracebackType

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
        self._progress.update(self._task, advance=by, note=note)
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
