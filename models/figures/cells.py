"""An experiment's result file: its conditions, and its cells, each written as soon as it is finished."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.figures.rows import unpacked
from models.runtime.errors import BonsaiError
from models.runtime.files import write_result
from models.runtime.store import OUT

Cell = dict[str, Any]
WORK = OUT / ".figures"


def place_of(figure: str) -> Path:
    """Return where a figure's result goes unless told otherwise: what is published is written only where it is asked
    for, since it may be of other versions.
    """
    return WORK / f"{figure}.json"


def picture_of(file: Path) -> Path:
    """Return where the picture of a result lies, beside it (BonsaiError where it would be in its place)."""
    picture = file.with_suffix(".png")
    if picture == file:
        raise BonsaiError(f"--out is '{file}', where the picture will be; expected a file for the result, as .json")
    return picture


class Cells:
    """The cells of one experiment; a run that was killed loses the one that it was at, and leaves a file whose
    `complete` is false.
    """

    def __init__(self, file: Path, experiment: str, conditions: Cell, entries: Mapping[str, type]) -> None:
        """Read what an earlier run finished; every cell has these entries, of these types, beside its accuracy and
        which rows are right (BonsaiError where it is damaged, or had other conditions).
        """
        self._file = file
        self.content: Cell = {"experiment": experiment, "conditions": conditions, "complete": False, "cells": []}
        if not file.exists():
            return
        found = _read(file, experiment)
        before = found["conditions"]
        if differing := [name for name in conditions if before.get(name) != conditions[name]]:
            raise BonsaiError(
                f"'{file}' holds cells of other conditions ({', '.join(differing)}); choose another file with --out, "
                "or remove this one"
            )
        rows = conditions["dataset"]["rows"]["test"]
        for number, cell in enumerate(found["cells"], 1):
            if why := _damage(cell, {**entries, "accuracy": float}, rows):
                raise BonsaiError(f"'{file}': cell {number} is damaged ({why}); choose another file with --out")
        self.content |= {**found, "conditions": conditions}

    @property
    def finished(self) -> list[Cell]:
        found: list[Cell] = self.content["cells"]
        return found

    def find(self, **where: object) -> Cell | None:
        """Return the cell with these entries."""
        return next((cell for cell in self.finished if where.items() <= _plain(cell).items()), None)

    def once(self, work: Callable[[], Cell], **where: object) -> Cell:
        """Return a cell, letting `work` make what stands beside its entries if no earlier run has."""
        found = self.find(**where)
        if found is None:
            found = {**where, **work()}
            self.finished.append(found)
            self.write(complete=False)
        return found

    def write(self, **more: object) -> None:
        """Replace the file, with more entries on its first level."""
        self.content.update(more)
        write_result(self._file, self.content)


def _read(file: Path, experiment: str) -> Cell:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BonsaiError(f"'{file}' cannot be read ({error.strerror}); choose another file with --out") from error
    except (ValueError, RecursionError):
        found = None
    shapes = {"conditions": dict, "cells": list}
    if (
        not isinstance(found, dict)
        or found.get("experiment") != experiment
        or not all(isinstance(found.get(name), shape) for name, shape in shapes.items())
    ):
        raise BonsaiError(f"'{file}' is no result of this experiment; choose another file with --out")
    return found


def _damage(cell: object, entries: Mapping[str, type], rows: int) -> str | None:
    """Return what is wrong with a cell, or None."""
    if not isinstance(cell, dict):
        return "it has no entries"
    if odd := [name for name, kind in entries.items() if type(cell.get(name)) is not kind]:
        return f"{odd[0]} is {cell.get(odd[0])!r}"
    try:
        right = unpacked(cell.get("right", ""), rows)
    except BonsaiError as error:
        return str(error)
    return None if float(right.mean()) == cell["accuracy"] else "its accuracy is not that of its rows"


def _plain(cell: Cell) -> Cell:
    """Return the entries that a cell can be found by."""
    return {name: value for name, value in cell.items() if not isinstance(value, list | dict)}
