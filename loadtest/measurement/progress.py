"""What a long measurement is doing: a bar where a person watches, or else a line every ten seconds, so that a log is
never silent for long.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY_S = 10.0


class Status:
    """What is being done, and how much of it is behind us."""

    def __init__(self, title: str, bar: Progress) -> None:
        self._title, self._bar = title, bar
        self._task = bar.add_task(title, total=None)
        self._doing, self._done, self._total = "starting", 0, 0

    def say(self, doing: str, done: int = 0, total: int = 0) -> None:
        """Draw the bar here and never between: one that refreshes itself takes milliseconds of the generator's one core
        ten times a second.
        """
        self._doing, self._done, self._total = doing, done, total
        self._bar.update(self._task, description=doing, completed=done, total=total or None, refresh=True)

    def print_lines(self) -> None:
        """Print a line now and then, for ever."""
        while True:
            gevent.sleep(EVERY_S)
            of = f" {self._done} of {self._total} done," if self._total else ""
            print(f"{self._title}:{of} {self._doing}", file=sys.stderr, flush=True)


@contextmanager
def progress(title: str) -> Iterator[Status]:
    """Tell what is done for as long as the block runs."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal, auto_refresh=False, transient=True
    ) as bar:
        status = Status(title, bar)
        lines = None if console.is_terminal else gevent.spawn(status.print_lines)
        try:
            yield status
        finally:
            if lines is not None:
                lines.kill()
