"""The start-up check: a few dozen test texts, and whether each variant still gives them the labels that it gave when it
was built.

It finds what hashes cannot: another processor, another ONNX Runtime, bad memory.
"""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from models.runtime.classifier import Predictor
from models.runtime.errors import BonsaiError
from models.runtime.store import CORPUS_FILE

MOST_TEXTS = 24  # a second of a start, for seven variants of a small BERT
CANDIDATES = 512  # rows that are looked at, evenly over the file: it may hold a million, in order of their labels

logger = logging.getLogger("bentoml.bonsai")


class Row(BaseModel):
    """A test text, its gold label and the label that each variant gave it alone."""

    text: str
    label: str
    expected: dict[str, str]


class StartupCheck(NamedTuple):
    """How many texts a variant was asked, and how many of them got another label than when it was built."""

    texts: int
    differing: int


def read_rows(folder: Path) -> list[Row]:
    """Return a few dozen rows of a build's corpus, always the same, of as many labels as can be; none, with a line in
    the log, where it cannot be read.
    """
    try:
        rows = [Row.model_validate_json(line) for line in _candidates(folder / CORPUS_FILE)]
    except OSError as error:
        logger.info("no start-up check: %s cannot be read (%s)", folder / CORPUS_FILE, error.strerror)
        return []
    except ValidationError as error:
        logger.warning(
            "no start-up check: %s is no corpus of a build (%s)", folder / CORPUS_FILE, error.errors()[0]["msg"]
        )
        return []
    if not rows:
        logger.warning("no start-up check: %s is empty", folder / CORPUS_FILE)
    random.Random(0).shuffle(rows)
    met = Counter[str]()

    def turn(row: Row) -> int:
        met[row.label] += 1
        return met[row.label]

    return sorted(rows, key=turn)[:MOST_TEXTS]  # the first of every label, then the second ones


def check(name: str, predictor: Predictor, rows: Sequence[Row]) -> StartupCheck:
    """Ask a variant for the labels of these texts, one by one."""
    asked = [(row.text, row.expected[name]) for row in rows if name in row.expected]
    return StartupCheck(len(asked), sum(predictor.predict([text])[0].label != label for text, label in asked))


def refuse_differing(checks: dict[str, StartupCheck]) -> None:
    """Refuse to serve variants that give other labels than when they were built, or that could not be asked
    (BonsaiError): what BONSAI_STRICT=1 asks for.
    """
    if unknown := [f"'{name}'" for name, check in checks.items() if not check.texts]:
        raise BonsaiError(
            f"{CORPUS_FILE} has no test text for {', '.join(unknown)}, and BONSAI_STRICT is 1; bring the file that the "
            "build wrote beside build.json, or start without BONSAI_STRICT"
        )
    found = [
        f"'{name}' gives {check.differing} of {check.texts} test texts another label"
        for name, check in checks.items()
        if check.differing
    ]
    if found:
        help_ = "build the variants anew on this kind of machine, or start without BONSAI_STRICT"
        raise BonsaiError(f"{', '.join(found)} than when it was built, and BONSAI_STRICT is 1; {help_}")


def _candidates(corpus: Path) -> list[bytes]:
    """Return the lines that begin next after evenly spaced places of a file."""
    size = corpus.stat().st_size
    lines: dict[int, bytes] = {}
    with corpus.open("rb") as file:
        for place in range(0, size, size // CANDIDATES + 1):
            if place:
                file.seek(place - 1)
                file.readline()
            start = file.tell()
            lines[start] = file.readline()
    return [line for line in lines.values() if line.strip()]
