"""An experiment's result file: its conditions, and its cells, each written as soon as it is finished."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.runtime.errors import BonsaiError
from models.runtime.files import write_result

Cell = dict[str, Any]


def picture_of(file: Path) -> Path:
    """Return where the picture of a result lies, beside it (BonsaiError where it would be in its place)."""
    picture = file.with_suffix(".png")
    if picture == file:
        raise BonsaiError(f"--out is '{file}', where the picture will be; expected a file for the result, as .json")
    return picture


class Cells:
    """The cells of one experiment; a run that was killed loses the one that it was at."""

    def __init__(self, file: Path, experiment: str, conditions: Cell) -> None:
        """Read what an earlier run finished (BonsaiError where it had other conditions)."""
        self._file = file
        self.content: Cell = {"experiment": experiment, "conditions": conditions, "cells": []}
        if not file.exists():
            return
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            before = found["conditions"]
            self.content["cells"] = found["cells"]
        except (ValueError, KeyError, TypeError) as error:
            raise BonsaiError(f"'{file}' is no result of this experiment; choose another file with --out") from error
        if differing := [name for name in conditions if before.get(name) != conditions[name]]:
            raise BonsaiError(
                f"'{file}' holds cells of other conditions ({', '.join(differing)}); choose another file with --out, "
                "or remove this one"
            )

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
            self.write()
        return found

    def write(self, **more: object) -> None:
        """Replace the file, with more entries on its first level."""
        self.content.update(more)
        write_result(self._file, self.content)


def _plain(cell: Cell) -> Cell:
    """Return the entries that a cell can be found by."""
    return {name: value for name, value in cell.items() if not isinstance(value, list | dict)}
