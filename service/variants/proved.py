"""What one process of a service finds out about a version of a variant before any worker opens it: that it gives the
labels of the build, and what it costs.

The workers open the very files that were packed, on the same cores, and need not find out again: one that takes the
place of another is ready sooner, and one that loads beside requests has little to do.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from models.runtime.files import write_json
from service.variants.cost import Cost
from service.variants.startup import StartupCheck

PROVED = "proved"  # the folder beside what is packed: a file a version


class Proved(NamedTuple):
    """What is known of a version of a variant."""

    startup_check: StartupCheck
    cost: Cost


def write_proved(folder: Path, proved: Mapping[str, Proved]) -> None:
    """Write it for the workers, by version."""
    folder.mkdir(exist_ok=True)
    for version, known in proved.items():
        write_json(_file(folder, version), known)


def read_proved(folder: Path, versions: Iterable[str]) -> dict[str, Proved]:
    """Return what is known of these versions; nothing of those of which nothing was written."""
    found = {}
    for version in versions:
        if (file := _file(folder, version)).exists():
            startup_check, cost = json.loads(file.read_bytes())
            found[version] = Proved(StartupCheck(*startup_check), Cost(*cost))
    return found


def forget_proved(folder: Path, held: Iterable[str]) -> None:
    """Remove what is known of other versions than these."""
    files = {_file(folder, version) for version in held}
    for file in folder.glob("*.json"):
        if file not in files:
            file.unlink(missing_ok=True)


def _file(folder: Path, version: str) -> Path:
    return folder / f"{version}.json"
