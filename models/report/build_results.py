"""A finished build read back from its files: what every table and picture of it is drawn from (no torch)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.prove.predictions import Predictions, read_predictions
from models.prove.statistics import Labels
from models.runtime.batching import MEASURED_FILE
from models.runtime.card import Card, read_card
from models.runtime.errors import BonsaiError
from models.runtime.store import BUILD_COMMAND, CORPUS_FILE, Build, read_build

REPORT_FILE = "report.html"


@dataclass(frozen=True)
class VariantResults:
    """One variant: its card, what it answered row by row, and how long one text takes on average on this machine."""

    card: Card
    predictions: Predictions
    mean_ms: float
    conditions: dict[str, Any]

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.card.name

    @property
    def verdict(self) -> str:
        """The gate's word on it; the teacher is what the others are held against."""
        return self.card.gate.verdict if self.card.gate else "reference"


@dataclass(frozen=True)
class BuildResults:
    """One build: the test rows, the labels by number, and a result for every variant, the teacher first."""

    build: Build
    labels: tuple[str, ...]
    texts: list[str]
    gold: Labels
    variants: list[VariantResults]

    @property
    def teacher(self) -> VariantResults:
        """What the others are held against."""
        return self.variants[0]

    @property
    def judged(self) -> list[VariantResults]:
        """All but the teacher."""
        return self.variants[1:]


def read_build_results(out: Path) -> BuildResults:
    """Read a build's folder (BonsaiError when a file is missing, is no file of ours or belongs to another build)."""
    build = read_build(out)
    try:
        names = json.loads((out / next(iter(build.variants)) / "config.json").read_text(encoding="utf-8"))["id2label"]
        labels = tuple(str(names[number]) for number in sorted(names, key=int))
        with (out / CORPUS_FILE).open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]  # not splitlines(), which also parts a text at U+2028
        gold = np.array([labels.index(row["label"]) for row in rows], dtype=np.int64)
        variants = [_read_variant(out / name) for name in build.variants]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BonsaiError(
            f"the build in '{out}' is not whole ({' '.join(str(error).split())}); run '{BUILD_COMMAND}' again"
        ) from error
    for result in variants:
        if not build.variants[result.name].tag.endswith(result.card.version) or len(result.predictions.given) != len(
            rows
        ):
            raise BonsaiError(
                f"'{out / result.name}' belongs to another build than '{out}'; run '{BUILD_COMMAND}' again"
            )
    return BuildResults(build, labels, [row["text"] for row in rows], gold, variants)


def _read_variant(folder: Path) -> VariantResults:
    measured = json.loads((folder / MEASURED_FILE).read_text(encoding="utf-8"))
    return VariantResults(
        read_card(folder), read_predictions(folder), float(measured["mean_ms"]), measured["conditions"]
    )
