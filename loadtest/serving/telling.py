"""What a comparison of an hour is doing: a bar where a person watches, or else a line for each server's turn."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Told:
    """Says what is being done, and draws only then: a bar that refreshes itself would take CPU time of the measured."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, bar.add_task("starting", total=None)

    def say(self, doing: str, done: int, total: int) -> None:
        """Tell what begins now, and how much is behind us."""
        if self._bar.disable:
            print(f"serving: {done} of {total} done, {doing}", file=sys.stderr, flush=True)
        self._bar.update(self._task, description=doing, completed=done, total=total, refresh=True)


@contextmanager
def telling() -> Iterator[Told]:
    """Tell for as long as the block runs."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, auto_refresh=False, transient=True) as bar:
        yield Told(bar)
