"""Time finished variants in process: batch 1 at real lengths, one thread, all variants interleaved."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from models.card import write_json
from models.cpu import cpu_fields
from models.loading import load_variants
from models.progress import Bar

MEASURED_FILE = "measured.json"
TEXTS = 200
ROUNDS = 5


def measure(folders: dict[str, Path], texts: list[str]) -> None:
    """Write `measured.json` into every folder: p50, p99 and mean of one text in milliseconds, with the conditions."""
    loaded = [predictor for _, predictor in load_variants(folders).values()]
    texts = texts[:TEXTS]
    times: list[list[float]] = [[] for _ in folders]
    with Bar("measure", ROUNDS * len(folders)) as bar:
        for turn in range(ROUNDS):
            for place in sorted(range(len(folders)), key=lambda place: (place + turn) % len(folders)):
                classifier = loaded[place]
                classifier.predict(texts[:8])
                for text in texts:
                    start = time.perf_counter()
                    classifier.predict([text])
                    times[place].append((time.perf_counter() - start) * 1000)
                bar.advance()
        bar.finish(f"{len(texts)} texts, {ROUNDS} rounds, one thread")
    for folder, taken in zip(folders.values(), times, strict=True):
        p50, p99 = np.quantile(taken, [0.5, 0.99])
        mean = float(np.mean(taken))  # a cascade's escalations show in the mean alone
        figures = {"p50_ms": round(p50, 4), "p99_ms": round(p99, 4), "mean_ms": round(mean, 4)}
        write_json(folder / MEASURED_FILE, {**figures, "calls": len(taken), "conditions": conditions()})


def conditions() -> dict[str, Any]:
    """Return what the figures depend on: processor, its vector flags and the thread count."""
    fields = cpu_fields()
    flags = sorted(flag for flag in fields.get("flags", "").split() if flag.startswith(("avx", "amx")))
    return {"cpu": fields.get("model name", ""), "flags": flags, "threads": 1, "batch": 1}


def is_measured(folder: Path) -> bool:
    """Tell whether a variant's folder holds its times, made on this kind of processor."""
    try:
        found = json.loads((folder / MEASURED_FILE).read_text())
        return bool(found["conditions"] == conditions() and "mean_ms" in found)
    except (OSError, ValueError, KeyError, TypeError):
        return False
