"""corpus.jsonl: the test texts with their gold labels and the label that every variant gave at batch 1, the load test's
expected answers.
"""

import hashlib
import json
from pathlib import Path

from models.data.dataset import Dataset
from models.prove.predictions import read_predictions
from models.runtime.files import replaced
from models.runtime.store import CORPUS_FILE


def write_corpus(dataset: Dataset, names: list[str], out: Path) -> str:
    """Write the corpus in one move and return its SHA-256."""
    given = {name: read_predictions(out / name).given for name in names}
    lines = []
    for row, (text, label) in enumerate(zip(dataset.test.texts, dataset.test.labels, strict=True)):
        expected = {name: dataset.labels[numbers[row]] for name, numbers in given.items()}
        lines.append(
            json.dumps({"text": text, "label": dataset.labels[label], "expected": expected}, ensure_ascii=False) + "\n"
        )
    with replaced(out / CORPUS_FILE) as file:
        file.writelines(lines)
    return corpus_sha256(out)


def corpus_sha256(out: Path) -> str:
    """Return the hash of the corpus, empty where there is none."""
    file = out / CORPUS_FILE
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
