"""What whoever started a build reads of it: one JSON file, kept up, with the step, how much of it is done, and the
figures so far.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

FILE = "BONSAI_PROGRESS"  # names the file; nothing is written without it
EVERY_S = 0.5
_told: dict[str, Any] = {}
_last = [0.0]


def tell(**news: Any) -> None:
    """Write down what is new."""
    _told.update(news)
    _write()


def tell_step(step: str, number: int, of: int) -> None:
    """Say that a step begins: its number, from 0 on, of how many."""
    tell(step=step, number=number, of=of, share=0.0)


def tell_share(share: float) -> None:
    """Say how much of the step is done, now and then."""
    _told["share"] = round(share, 3)
    if time.monotonic() - _last[0] > EVERY_S:
        _write()


def _write() -> None:
    given = os.environ.get(FILE)
    if not given:
        return
    _last[0] = time.monotonic()
    file = Path(given)
    draft = file.with_name(f"{file.name}.draft")  # not flushed to the disk: a crash ends the build that it speaks of
    draft.write_text(json.dumps(_told), encoding="utf-8")
    draft.replace(file)
