"""wrk as the load: one thread, a script that sends another text with each request, its counts as figures.

wrk waits for an answer before it sends the next request on that connection. For an answer that took more than twice a
connection's mean it adds the times of those that would have been sent meanwhile, and its percentiles are after that.
A connection's own opening is in no time, only in the rate.
"""

import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.serving.result import Figures

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_S = 30  # longer answers would be in no percentile
TIMES = {"mean": "mean_ms", "p50": "p50_ms", "p90": "p90_ms", "p99": "p99_ms", "p999": "p999_ms"}
ERRORS = ("connect", "read", "write", "timeout")


class NoLoadError(LoadTestError):
    """Why wrk could not do its work on a server."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one wrk process does; after an answer each connection waits for `pause_ms` on average."""

    url: str
    bodies: Path
    connections: int
    seconds: int
    close: bool = False
    pause_ms: int = 0
    script: Path = SCRIPT

    def start(self) -> "subprocess.Popen[str]":
        """Start it."""
        how = ("-t", "1", "-c", str(self.connections), "-d", f"{self.seconds}s", "--timeout", f"{TIMEOUT_S}s")
        pause = ["pause", str(self.pause_ms)] if self.pause_ms else []
        told = (self.url, "--", str(self.bodies), *(["close"] if self.close else []), *pause)
        return subprocess.Popen(
            [find_wrk(), *how, "-s", str(self.script), *told], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def find_wrk() -> str:
    """Return where wrk is (LoadTestError where it is not installed)."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadTestError("there is no wrk on this machine, which makes the load; install the Debian package wrk")
    return found


def wrk_version() -> str:
    """Return what wrk calls itself."""
    said = subprocess.run([find_wrk(), "-v"], capture_output=True, text=True, check=False).stdout  # it exits with 1
    return said.partition("[")[0].removeprefix("wrk").strip()


def run(load: Load) -> Figures:
    """Put a load on a server until it is over."""
    before = cpu_seconds()
    figures = finish(load.start())
    return figures.model_copy(update={"wrk_cpu_s": round(cpu_seconds() - before, 4)})


def finish(process: "subprocess.Popen[str]") -> Figures:
    """Wait for a wrk process, and return what it counted (NoLoadError where it could not begin)."""
    with process:
        try:
            out, said = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise NoLoadError(f"wrk ended with exit code {process.returncode} ({last_line(said + out)}))")
    return figures_of(out)


def figures_of(out: str) -> Figures:
    """Read the line of JSON that the script printed last."""
    line = out.rstrip().rpartition("\n")[2]
    try:
        counted: dict[str, Any] = json.loads(line)
        answered = counted["requests"] > 0
        return Figures(
            requests=round(counted["requests"]),
            seconds=round(counted["microseconds"] / 1e6, 4),
            refused=round(counted["refused"]),
            errors={kind: round(counted[kind]) for kind in ERRORS if counted[kind]},
            statuses=counted.get("statuses"),
            **{ours: round(counted[theirs] / 1000, 4) for theirs, ours in TIMES.items() if answered},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LoadTestError(f"wrk printed no figures but {line[:60]!r}; expected wrk 4.1 or later") from error


def cpu_seconds() -> float:
    """Return the CPU time of all child processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_line(text: str) -> str:
    """Return the last line that is not empty, cut to what fits into a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"
