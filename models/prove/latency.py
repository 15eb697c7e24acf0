"""Time finished variants in process: batch 1 at real lengths, one thread, all variants interleaved.

Every turn opens the variant anew. So no round profits from the last one's words, which tokenizers remember, and what
differs from session to session is part of what the rounds say.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np

from models.data.dataset import Dataset
from models.prove.memory import STATUS, measure_memory
from models.runtime.batching import MEASURED_FILE, SIZES, best_size, time_batches
from models.runtime.card import read_card
from models.runtime.classifier import Predictor
from models.runtime.cpu import cpu_fields, cpu_name
from models.runtime.files import write_json
from models.runtime.loading import load_variants
from models.runtime.progress import Bar

TEXTS = 120
ROUNDS = 5
WARM_UP = 8
MEMORY_MS = 60_000  # of texts that are answered while memory is measured
AT_ONCE = 2  # processes whose memory is measured, most of whose time is their start
MET = 5000  # training texts whose words a tokenizer has met before it is timed, as a service's has after a while

Answer = Callable[[Sequence[str]], list[str]]


def measure_latency(folders: dict[str, Path], dataset: Dataset, seed: int, only: Sequence[str] | None = None) -> None:
    """Write `measured.json` into every folder, or those of some: p50, p99 and mean of one test text in milliseconds,
    medians over the rounds; what a text takes in batches, and the size that is best; what a process
    takes that holds it alone; and the conditions. Times are compared, so they are of one run; memory is not, and is
    measured of what is new.
    """
    texts, training = sample(dataset.test.texts, TEXTS, seed), sample(dataset.train.texts, MET, seed)
    names = list(folders if only is None else only)
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    in_batches: dict[str, list[dict[int, float]]] = {name: [] for name in names}
    with Bar("measure", ROUNDS * len(names)) as bar:
        for turn in range(ROUNDS):
            begin = turn % len(names)
            for name in (*names[begin:], *names[:begin]):
                predictor = open_predictor(folders, name)
                answer = answering(predictor, training)
                for text in training[:WARM_UP]:
                    answer([text])
                taken[name].append(quantiles(times_alone(answer, texts)))
                in_batches[name].append(time_batches(predictor, texts, 1))
                bar.advance()
        bar.finish(f"{len(texts)} texts, {ROUNDS} rounds, one thread")
    before = {name: found for name in names if (found := _whole(folders[name])) is not None}
    new = [name for name in names if name not in before]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        some = {name: texts[: max(1, int(MEMORY_MS / median(one["mean_ms"] for one in taken[name])))] for name in new}
        memory = dict(zip(new, pool.map(lambda name: measure_memory(folders, name, some[name]), new), strict=True))
    about = {"texts": len(texts), "calls": ROUNDS * len(texts), "seed": seed, "conditions": conditions()}
    for name, rounds in taken.items():
        figures = {
            figure: median(one[figure] for one in rounds) for figure in ("p50_ms", "p99_ms", "mean_ms")
        }  # a cascade's escalations show in the mean
        by_size = {size: median(one[size] for one in in_batches[name]) for size in SIZES}
        batching = {"texts": best_size(by_size), "ms_a_text": {str(size): round(ms, 5) for size, ms in by_size.items()}}
        held = memory[name] if name in memory else before[name]["memory"]
        write_json(
            folders[name] / MEASURED_FILE,
            {**figures, "rounds": rounds, "batching": batching, "memory": held, **about},
        )


def sample(texts: Sequence[str], most: int, seed: int) -> list[str]:
    """Draw so many texts, in the order drawn: files come sorted, and each beginning of a sample is one too."""
    return Random(seed).sample(texts, min(most, len(texts)))


def open_variant(folders: dict[str, Path], name: str, training: Sequence[str]) -> Answer:
    """Load a variant and return what gives texts their labels."""
    return answering(open_predictor(folders, name), training)


def open_predictor(folders: dict[str, Path], name: str) -> Predictor:
    """Load a variant, of a cascade its parts as well."""
    cascade = read_card(folders[name]).cascade
    needed = (cascade.small, cascade.large, name) if cascade else (name,)
    return load_variants({part: folders[part] for part in needed})[name][1]


def answering(predictor: Predictor, training: Sequence[str]) -> Answer:
    """Return what asks a predictor for labels alone, after its tokenizer has met the words of training texts."""
    predictor.meet(training)
    return lambda texts: [prediction.label for prediction in predictor.predict(texts)]


def times_alone(answer: Answer, texts: Sequence[str]) -> list[float]:
    """Return what each text takes by itself, in milliseconds."""
    times = []
    for text in texts:
        start = time.perf_counter()
        answer([text])
        times.append((time.perf_counter() - start) * 1000)
    return times


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return a round's figures."""
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99]).tolist()
    return {
        name: round(value, 5)
        for name, value in (("p50_ms", p50), ("p95_ms", p95), ("p99_ms", p99), ("mean_ms", float(np.mean(times))))
    }


def conditions() -> dict[str, Any]:
    """Return what the figures depend on: processor, its vector flags and the thread count."""
    fields = cpu_fields()
    flags = sorted(flag for flag in fields.get("flags", "").split() if flag.startswith(("avx", "amx")))
    return {"cpu": cpu_name(), "flags": flags, "threads": 1, "batch": 1}


def is_measured(folder: Path) -> bool:
    """Tell whether a variant's folder holds its times, made on this kind of processor and round by round."""
    return _whole(folder) is not None


def _whole(folder: Path) -> dict[str, Any] | None:
    """Return the content of `measured.json`, if it is what would be measured here."""
    try:
        found: dict[str, Any] = json.loads((folder / MEASURED_FILE).read_text())
        whole = len(found["rounds"]) == ROUNDS and {"mean_ms", "batching"} <= found.keys()
        whole = whole and (bool(found["memory"]) or not STATUS.exists())  # where it took too long it is tried again
        return found if whole and found["conditions"] == conditions() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
