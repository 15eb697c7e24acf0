"""How fast a store takes what is recorded: `python -m service.store.benchmark [URL …]`, one line of JSON at the end.

All of it runs on one core, as beside models that have the others. A thread offers predictions at a steady rate through
the writer and gives feedback now and then; whole batches, one after the other, say what the store takes at the most;
and offers that are timed alone say what a prediction pays.
"""

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import count as naturals
from itertools import islice
from statistics import median, quantiles
from typing import Any

from models.runtime.cpu import cpu_fields
from models.runtime.errors import BonsaiError
from service.store.rows import Served, Shadow, Truth
from service.store.store import Store
from service.store.writer import BATCH, Writer

RATES = (2_000, 5_000, 10_000)  # predictions a second
SHADOWED, UNITS, FEEDBACK_EVERY = 10, 50_000, 0.02  # every tenth prediction; as many users; seconds
TURN = 0.01  # seconds between the offers of a steady rate
ROUNDS, BATCHES_A_SECOND, OFFERS = 7, 2, 2_000


def main() -> int:
    """Measure the stores of these URLs, or a new SQLite file."""
    parser = argparse.ArgumentParser(
        prog="python -m service.store.benchmark", description="How fast a store takes rows."
    )
    parser.add_argument(
        "urls", nargs="*", help="databases to measure, emptied of nothing; a new SQLite file without any"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="at each steady rate")
    arguments = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    try:
        with tempfile.TemporaryDirectory() as folder:
            urls = arguments.urls or [f"sqlite:///{folder}/store.db"]
            stores = {url.partition(":")[0]: _measure(url, arguments.seconds) for url in urls}
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"conditions": _conditions(arguments.seconds), "stores": stores}))
    return 0


def _measure(url: str, seconds: float) -> dict[str, Any]:
    store = Store(url)
    store.migrate()
    rows = _rows(f"run{time.time():.0f}")
    measured = {
        "steady": [_steady(store, rows, rate, seconds) for rate in RATES],
        "most_rows_per_second": _most(store, rows, max(1, round(seconds * BATCHES_A_SECOND))),
        "offer_microseconds": _offer(store, rows),
    }
    store.close()
    return measured


def _steady(store: Store, rows: Iterator[Served], rate: int, seconds: float) -> dict[str, Any]:
    """Offer so many predictions a second; `lost` counts them, `feedback_ms` is from giving a label to its commit."""
    writer = Writer(store)
    times: list[float] = []
    asked = shadows = 0
    began, cpu = time.perf_counter(), time.process_time()
    due = began
    while (now := time.perf_counter()) < began + seconds:
        last = None
        for row in islice(rows, int((now - began) * rate) - asked):
            asked += 1
            writer.offer(row)
            if asked % SHADOWED == 0:
                shadows += 1
                writer.offer(_shadow(row))
            last = row
        if now >= due and last is not None:
            due = now + FEEDBACK_EVERY
            given = time.perf_counter()
            writer.give([_truth(last)]).add_done_callback(partial(_note, times, given))
        time.sleep(TURN)
    writer.close()
    spent, took = time.process_time() - cpu, time.perf_counter() - began
    cuts = quantiles(times, n=100)
    return {
        "predictions_per_second": rate,
        "predictions": asked,
        "shadows": shadows,
        "written": writer.written,
        "lost": dict(writer.dropped),
        "core_share": round(spent / took, 3),
        "feedback_ms": {"n": len(times), "p50": round(cuts[49] * 1000, 2), "p99": round(cuts[98] * 1000, 2)},
    }


def _note(times: list[float], since: float, _: object) -> None:
    times.append(time.perf_counter() - since)


def _most(store: Store, rows: Iterator[Served], count: int) -> dict[str, Any]:
    """Write whole batches, one after the other."""
    rates, of_core = [], []
    for _ in range(ROUNDS):
        batches = [list(islice(rows, BATCH)) for _ in range(count)]
        began, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            store.write(batch)
        of_core.append(round(BATCH * count / (time.process_time() - cpu)))
        rates.append(round(BATCH * count / (time.perf_counter() - began)))
    return {"median": median(rates), "rounds": rates, "median_per_second_of_our_cpu_time": median(of_core)}


def _offer(store: Store, rows: Iterator[Served]) -> dict[str, Any]:
    """Time offers alone, made ready before; the writer's thread polls meanwhile."""
    writer = Writer(store)
    times = []
    for _ in range(ROUNDS):
        ready = list(islice(rows, OFFERS))
        began = time.perf_counter()
        for row in ready:
            writer.offer(row)
        times.append(round((time.perf_counter() - began) / OFFERS * 1e6, 3))
        while writer.pending:
            time.sleep(TURN)
    writer.close()
    return {"median": median(times), "rounds": times}


def _rows(run: str) -> Iterator[Served]:
    for number in naturals():
        arm = ("teacher", "nano")[number % 5 == 0]
        unit = f"{number * 7919 % UNITS:016x}"
        id = f"{run}.{number:010d}.{'signature' * 4}"
        yield Served(id, "benchmark", 1, arm, "0123456789ab", unit, time.time(), "card_arrival", 0.93, 4.2, 200)


def _shadow(row: Served) -> Shadow:
    arm = "nano" if row.arm == "teacher" else "teacher"
    label, score = str(row.label), row.score or 0.0
    return Shadow(
        row.id, row.experiment, 1, row.arm, label, score, row.ms, arm, "0123456789ab", label, 0.91, 1.1, row.at
    )


def _truth(row: Served) -> Truth:
    return Truth(row.id, row.experiment, 1, row.arm, str(row.label), "card_arrival", None, time.time(), row.at)


def _conditions(seconds: float) -> dict[str, Any]:
    cpu = cpu_fields()
    names = ("sqlalchemy", "psycopg")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": f"{cpu.get('model name')}, family {cpu.get('cpu family')}, model {cpu.get('model')}",
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in names} | {"sqlite": sqlite3.sqlite_version},
        "seconds_at_each_rate": seconds,
        "shadows": f"one for every {SHADOWED} predictions",
        "batch": BATCH,
    }


if __name__ == "__main__":
    sys.exit(main())
