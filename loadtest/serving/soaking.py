"""The service under one load for a long time: whether memory and open files stay level, and the tail of the times."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving.bodies import write_bodies
from loadtest.serving.result import REFUSED_SHARE
from loadtest.serving.running import Running, Setting, running
from loadtest.serving.servers import OURS_2, SERVERS
from loadtest.serving.telling import Told
from loadtest.serving.wrk import Load, run

CONNECTIONS = 64
CAPACITY_S = 10
SETTLED = 0.25  # of the slices come before caches and memory have their size


def _none() -> None:
    """Renew nothing."""


def soak(
    setting: Setting, questions: Sequence[Question], count: int, slice_s: int, share: float, seed: int, told: Told
) -> dict[str, Any]:
    """Return the capacity, and what each of so many slices of the load came to."""
    with tempfile.TemporaryDirectory(prefix="bonsai-soak-") as folder:
        bodies = write_bodies(Path(folder), questions, [1], str(seed))[1]
        with running(SERVERS[OURS_2], setting, questions[0].text) as server:
            load = Load(server.url, bodies, CONNECTIONS, CAPACITY_S)
            return sliced(server, load, count, slice_s, share, told)


def sliced(
    server: Running, load: Load, count: int, slice_s: int, share: float, told: Told, renew: Callable[[], None] = _none,
    bad: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Return what a server can do of a load, and what so many slices of a share of it came to; `renew` is called before
    each, and a share of `bad` requests is to be refused.
    """
    run(load)  # warm-up
    closed = run(load)
    rate, slices = share * closed.per_second, list[dict[str, Any]]()
    if closed.failed > (bad + REFUSED_SHARE) * closed.requests or not closed.requests:
        raise LoadTestError(
            f"{closed.failed} of {closed.requests} requests failed under the load that gives the capacity; see the "
            "service's messages above"
        )
    # Each connection waits so long between an answer and the next request.
    pause = 1000 * load.connections / rate - (closed.mean_ms or 0.0) / 2
    for number in range(count):
        told.say("soak", number, count)
        renew()
        figures = run(replace(load, seconds=slice_s, pause_ms=max(1, round(pause))))
        pause += 1000 * load.connections / rate - 1000 * load.connections * figures.seconds / max(1, figures.requests)
        slices.append({**figures.model_dump(exclude_none=True), "workers": held(server)})
    return {"capacity": round(closed.per_second), "share": share, "slice_s": slice_s, "slices": slices}


def held(server: Running) -> list[dict[str, int]]:
    """Return what each process of a service holds: unshared and all memory in bytes, and open files."""
    found = []
    for process in (server.process, *server.process.children(recursive=True)):
        memory = process.memory_full_info()
        found.append({"uss": memory.uss, "pss": memory.pss, "files": process.num_fds()})
    return found


def growth(slices: Sequence[dict[str, Any]], slice_s: float) -> float:
    """Return by how many MB the processes' own memory grows in ten minutes, once it has settled (least squares)."""
    settled = slices[int(SETTLED * len(slices)) :]
    sums = [sum(worker["uss"] for worker in one["workers"]) / 1e6 for one in settled]
    if len(sums) < 2:
        return float("nan")
    return linear_regression(range(len(sums)), sums).slope * 600 / slice_s


def markdown(kept: dict[str, Any]) -> str:
    """Return it as a table of one row a figure."""
    slices = kept["slices"]
    failed = sum(one["refused"] + sum(one["errors"].values()) for one in slices)
    rates = [(one["requests"] - one["refused"]) / one["seconds"] for one in slices]
    first, last = slices[int(SETTLED * len(slices))]["workers"], slices[-1]["workers"]
    rows = [
        ("length", f"{sum(one['seconds'] for one in slices) / 60:.0f} minutes in {len(slices)} slices"),
        ("load", f"{median(rates):,.0f} requests/s, {median(rates) / kept['capacity']:.0%} of {kept['capacity']:,}"),
        ("requests, failed", f"{sum(one['requests'] for one in slices):,}, {failed}"),
        ("p50, p99, p99.9 of a slice (median)", _ms(slices, median)),
        ("the same of the worst slice", _ms(slices, max)),
        ("growth of the processes' own memory", f"{growth(slices, kept['slice_s']):+.2f} MB in ten minutes"),
        ("memory of all processes together (PSS)", f"{sum(one['pss'] for one in last) / 1e6:.0f} MB"),
        ("open files, settled and at the end", f"{_files(first)}, {_files(last)}"),
    ]
    return "\n".join(["| a long load | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]) + "\n"


def _ms(slices: Sequence[dict[str, Any]], of: Any) -> str:
    return ", ".join(f"{of(one[name] for one in slices):.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")) + " ms"


def _files(workers: Sequence[dict[str, int]]) -> int:
    return sum(worker["files"] for worker in workers)
