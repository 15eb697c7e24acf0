"""The requests' bodies in a file, one a line: test texts in a seeded shuffled order, the same for every server of a
round.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from loadtest.ask.corpus import Question, shuffled

MOST_TEXTS = 16_000  # of a file: ten thousand requests go through it more than once
FEWEST = 16  # requests


def bodies(questions: Sequence[Question], texts: int, seed: str) -> list[str]:
    """Return bodies of so many texts each; single texts are each asked once before the first comes again."""
    count = min(len(questions), MOST_TEXTS) if texts == 1 else max(MOST_TEXTS // texts, FEWEST)
    order = shuffled(questions, seed)
    return [json.dumps({"texts": [question.text for question in islice(order, texts)]}) for _ in range(count)]


def write_bodies(folder: Path, questions: Sequence[Question], sizes: Iterable[int], seed: str) -> dict[int, Path]:
    """Write a file for each number of texts a request, and return where they are."""
    files = {texts: folder / f"{texts}.jsonl" for texts in set(sizes)}
    for texts, file in files.items():
        file.write_text("".join(f"{body}\n" for body in bodies(questions, texts, seed)), encoding="utf-8")
    return files
