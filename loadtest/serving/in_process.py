"""The predictor without a server, in one process and in two at once: what any server could reach at the most."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.serving.result import Figures
from loadtest.serving.running import ROOT, Setting
from loadtest.serving.wrk import TIMES, last_line

TEXTS, PROCESSES = (1, 32), (1, 2)
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def measure(setting: Setting, files: dict[int, Path], seconds: float) -> dict[str, Figures]:
    """Return the figures by texts a call x processes."""
    return {
        f"{texts}x{count}": _at_once(count, setting, files[texts], seconds) for texts in TEXTS for count in PROCESSES
    }


def figures_of(taken: Sequence[Sequence[int]], seconds: float, cpu_s: float) -> Figures:
    """Return what some processes did at once, from the nanoseconds that each of their calls took."""
    times = sorted(time / 1e6 for each in taken for time in each)
    found = {name: times[ceil(share * len(times)) - 1] for name, share in SHARES.items()}
    found["mean"] = sum(times) / len(times)
    return Figures(
        requests=len(times),
        seconds=seconds,
        server_cpu_s=round(cpu_s, 4),
        **{ours: round(found[theirs], 4) for theirs, ours in TIMES.items()},
    )


def _at_once(count: int, setting: Setting, bodies: Path, seconds: float) -> Figures:
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(setting, bodies, seconds)) for _ in range(count)]
        for process in processes:
            _line(process)  # it is ready
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [json.loads(_line(process)) for process in processes]
    return figures_of([one["nanoseconds"] for one in said], seconds, sum(one["cpu_s"] for one in said))


@contextmanager
def _started(setting: Setting, bodies: Path, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "loadtest.peers.in_process", str(bodies), str(seconds)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=setting.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        said = last_line(process.communicate()[1])
        raise LoadTestError(f"the predictor does not work in a process of its own ({said}); build the variants again")
    return line
