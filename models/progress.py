"""Progress on the terminal: a bar where a person watches, one line a finished task where a log is written."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False)


class Bar:
    """A context manager around one long task."""

    def __init__(self, title: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(title, total=total, note="")
        self._title = title

    def __enter__(self) -> "Bar":
        self._start = time.monotonic()
        self._progress.start()
        return self

    def advance(self, note: str = "", by: int = 1) -> None:
        """Move the bar on by some steps of its total."""
        self._progress.update(self._task, advance=by, note=note)

    def finish(self, note: str) -> None:
        """Say in one line, which stays, how the task ended and what it took."""
        self._progress.stop()
        console.print(f"  {self._title}: {note} [{time.monotonic() - self._start:.0f} s]", markup=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()
