"""corpus.jsonl: the test texts with their gold labels and the label that every variant gave at batch 1, the load test's expected answers."""

import hashlib
import json
from pathlib import Path

from models.dataset import Dataset
from models.evidence import read_evidence

CORPUS_FILE = "corpus.jsonl"


def write_corpus(dataset: Dataset, names: list[str], out: Path) -> str:
    """Write the corpus in one move and return its SHA-256."""
    given = {name: read_evidence(out / name).given for name in names}
    lines = []
    for row, (text, label) in enumerate(zip(dataset.test.texts, dataset.test.labels, strict=True)):
        expected = {name: dataset.labels[numbers[row]] for name, numbers in given.items()}
        lines.append(json.dumps({"text": text, "label": dataset.labels[label], "expected": expected}, ensure_ascii=False) + "\n")
    draft = out / f".{CORPUS_FILE}"
    draft.write_text("".join(lines), encoding="utf-8")
    draft.replace(out / CORPUS_FILE)
    return corpus_sha256(out)


def corpus_sha256(out: Path) -> str:
    """Return the hash of the corpus, empty where there is none."""
    file = out / CORPUS_FILE
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
