"""Time the rows in turns: each has its own in every round, alone and in batches, with one thread."""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from models.bench.controls import Row
from models.bench.texts import Texts
from models.prove.latency import WARM_UP, Answer, quantiles, times_alone
from models.runtime.classifier import BATCH
from models.runtime.progress import Bar


def measure_rounds(rows: list[Row], texts: Texts, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Let every row have its turn in each round, in an order that begins elsewhere each time and runs backwards every
    second time.
    """
    taken: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    with Bar("measure", rounds * len(rows)) as bar:
        for turn in range(rounds):
            begin = turn * len(rows) // rounds
            order = [*rows[begin:], *rows[:begin]]
            for row in order if turn % 2 == 0 else reversed(order):
                taken[row.name].append(measure_turn(row, texts))
                bar.advance(row.name)
        bar.finish(f"{len(rows)} rows, {rounds} rounds, one thread")
    return taken


def measure_turn(row: Row, texts: Texts) -> dict[str, Any]:
    """Time one row: each text alone, then some in batches; what it takes to tokenize is part of both."""
    answer = row.open()
    answer(texts.training[:BATCH])
    for text in texts.training[:WARM_UP]:
        answer([text])
    few_times, few_seconds = times_alone(answer, texts.few), seconds(answer, texts.few_batched)
    few = {**quantiles(few_times), "texts_per_s": round(len(texts.few_batched) / few_seconds, 5)}
    if row.few:
        return few
    times, taken = few_times + times_alone(answer, texts.more), few_seconds + seconds(answer, texts.more_batched)
    return {
        **quantiles(times),
        "texts_per_s": round((len(texts.few_batched) + len(texts.more_batched)) / taken, 5),
        "few": few,
    }


def seconds(answer: Answer, texts: list[str]) -> float:
    """Return what the texts take in batches."""
    if not texts:
        return 0.0
    start = time.perf_counter()
    answer(texts)
    return time.perf_counter() - start


@contextmanager
def steady() -> Iterator[None]:
    """Give every library one thread, and take what is loaded out of the garbage collector's sight, as the service
    does.
    """
    threads, parallel = torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    gc.collect()
    gc.freeze()
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)
        os.environ.pop("TOKENIZERS_PARALLELISM")
        if parallel is not None:
            os.environ["TOKENIZERS_PARALLELISM"] = parallel
