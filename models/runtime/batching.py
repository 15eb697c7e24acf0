"""How many texts at once a variant classifies fastest on this machine, measured (no torch)."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from models.runtime.classifier import Predictor
from models.runtime.cpu import cpu_name

MEASURED_FILE = "measured.json"  # in a variant's folder: what depends on the machine
SIZES = (1, 4, 8, 16, 32, 64)
WORTH = 0.97  # a larger batch is taken for this share of the time a text: more would wait together for less


class Measured(NamedTuple):
    """What the build measured of a variant on one thread: milliseconds of a text by itself, how many texts a batch
    holds best; on which processor, and whether that is this one's kind; the megabytes (10⁶ bytes) that a process of its
    own holds, if they were measured.
    """

    p50_ms: float
    p99_ms: float
    mean_ms: float
    batch: int
    cpu: str
    here: bool
    resident_mb: float | None = None


def time_batches(
    predictor: Predictor, texts: Sequence[str], rounds: int, sizes: Sequence[int] = SIZES
) -> dict[int, float]:
    """Return what a text takes in batches of each size, in milliseconds: medians over interleaved rounds.

    Each round begins at other texts, the same for every size.
    """
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for turn in range(rounds):
        for size in sizes:
            batch = [texts[(turn * max(sizes) + place) % len(texts)] for place in range(size)]
            started = time.perf_counter()
            predictor.predict(batch)
            taken[size].append((time.perf_counter() - started) * 1000 / size)
    return {size: median(times) for size, times in taken.items()}


def best_size(ms: Mapping[int, float]) -> int:
    """Return the smallest batch after which no larger one is worth its wait; 1 is no batching at all."""
    best = min(ms)
    for size in sorted(ms):
        if ms[size] < WORTH * ms[best]:
            best = size
    return best


def read_measured(folder: Path) -> Measured | None:
    """Return what the build measured of a variant; none where its file is not there or not whole."""
    try:
        found = json.loads((folder / MEASURED_FILE).read_text(encoding="utf-8"))
        batch, cpu = int(found["batching"]["texts"]), str(found["conditions"]["cpu"])
        p50, p99, mean = (float(found[f"{figure}_ms"]) for figure in ("p50", "p99", "mean"))
        resident = found.get("memory", {}).get("resident_mb")
        here = cpu == cpu_name()
        return Measured(p50, p99, mean, batch, cpu, here, None if resident is None else float(resident))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
