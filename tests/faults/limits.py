"""What happens to a service whose container has no memory left: a control group in the place of the container."""

import asyncio
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.faults.clients import Drill, Served
from tests.faults.rows import Row, counts
from tests.service.serving.test_protocol import request

CONTROL = Path("/sys/fs/cgroup")
V1, V2 = CONTROL / "memory", CONTROL
LIMIT = {V1: "memory.limit_in_bytes", V2: "memory.max"}
USED = {V1: "memory.usage_in_bytes", V2: "memory.current"}
ENDED = {V1: "memory.oom_control", V2: "memory.events"}  # with a line "oom_kill N"
NONE = {V1: "-1", V2: "max"}
BACK_S, GONE_S = 5.0, 60.0


@contextmanager
def control_group(processes: list[psutil.Process]) -> Iterator[tuple[Path, Path]]:
    """Move processes into a control group of their own, and back at the end: its hierarchy and its folder (OSError
    where that is not possible).
    """
    root = V1 if V1.is_dir() else V2
    folder = root / f"bonsai-faults-{os.getpid()}"
    folder.mkdir()
    try:
        if not (folder / LIMIT[root]).exists():
            raise OSError("its memory is not limited here")
        for process in processes:
            (folder / "cgroup.procs").write_text(str(process.pid))
        yield root, folder
    finally:
        with suppress(OSError):
            (folder / LIMIT[root]).write_text(NONE[root])
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(OSError):  # it has ended
                (root / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            folder.rmdir()


def _back(served: Served, first: psutil.Process) -> float:
    """Return the seconds until all workers serve, or a minute where they do not come back."""
    began = time.monotonic()
    while first.is_running() and first.status() != psutil.STATUS_ZOMBIE and time.monotonic() - began < GONE_S:
        if served.all_ready():
            return time.monotonic() - began
        time.sleep(0.1)
    return GONE_S


def container_memory(served: Served, more_mb: int, times: int) -> Row:
    """Let a whole service have hardly more memory than it has, and ask for much, again and again."""
    row = Row(
        "a container's memory limit",
        f"the whole service in a control group that holds {more_mb} MB more than it takes, {times} times 8 requests of "
        "2,000 texts at once",
        f"what the kernel ends is no more than a worker, and another serves in its place within {BACK_S:.0f} s",
        "not tried: it takes the right to make a control group",
        False,
    )
    first = served.workers()[0].parent()
    assert first is not None
    body = json.dumps({"texts": ["where is my parcel " * 40] * 2000, "top_k": 4}).encode()
    raw = request("/teacher/predict", body, "connection: close\r\n")

    async def ask() -> Counter[int]:
        return Counter(await asyncio.gather(*(served.ask(raw) for _ in range(8))))

    statuses, ended, seconds = Counter[int](), 0, list[float]()
    with ExitStack() as stack:
        try:
            root, folder = stack.enter_context(control_group([first, *first.children(recursive=True)]))
        except OSError:
            return row
        for worker in served.workers():  # what a process has already stays with the group that it was in
            worker.kill()
        time.sleep(1)
        for _ in range(times):
            _back(served, first)
            used = int((folder / USED[root]).read_text())
            with suppress(OSError):  # less than is used just now
                (folder / LIMIT[root]).write_text(str(used + more_mb * 2**20))
            statuses += asyncio.run(ask())
            (folder / LIMIT[root]).write_text(NONE[root])
            seconds.append(_back(served, first))
        lines = (line.split() for line in (folder / ENDED[root]).read_text().splitlines())
        ended = next(int(line[1]) for line in lines if line[0] == "oom_kill")
    lives = first.is_running() and first.status() != psutil.STATUS_ZOMBIE
    return row._replace(
        seen=f"{counts(statuses)} (0: no answer); the kernel ended {ended} processes, the first one "
        f"{'never' if lives else 'too'}; all workers back after {statistics.median(seconds):.1f} s "
        f"(median), {max(seconds):.1f} s at the most",
        kept=lives and ended > 0 and max(seconds) <= BACK_S,
    )


def drills(quick: bool) -> dict[str, Drill]:
    """Return what is done to a service, by name."""
    return {"container_memory": lambda served: container_memory(served, 16, 1 if quick else 5)}
