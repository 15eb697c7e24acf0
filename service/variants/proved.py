"""What the first process of a service finds out about each variant before there is a worker: that it gives the labels
of the build, and what it costs.

Its workers open the very files that it packed, on the same cores, and need not find out again: one that takes another's
place is ready sooner.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from models.runtime.files import write_json
from service.variants.cost import Cost
from service.variants.startup import StartupCheck

PROVED = "proved.json"  # beside what is packed


class Proved(NamedTuple):
    """What is known of a variant at a version."""

    version: str
    startup_check: StartupCheck
    cost: Cost


def write_proved(file: Path, proved: Mapping[str, Proved]) -> None:
    """Write it for the workers."""
    write_json(file, proved)


def read_proved(file: Path) -> dict[str, Proved]:
    """Return what is known by variant; nothing where nothing was written."""
    if not file.exists():
        return {}
    return {
        name: Proved(version, StartupCheck(*startup_check), Cost(*cost))
        for name, (version, startup_check, cost) in json.loads(file.read_bytes()).items()
    }
