"""Does a quota make the tail long? `python -m service.image.quota IMAGE` asks a container at half of what it can take,
under a quota of one core, bound to one core without a quota, and free to use all cores, in turns, and says p50 and p99
of each.

A quota stops every thread of a container for the rest of a period of 100 ms once its share is used up. Threads made for
all cores of the machine use it up in a fraction of the period: the cliff of most model servers.
"""

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.runtime.cores import cores
from models.runtime.cpu import cpu_name
from models.runtime.errors import BonsaiError
from service.image.build import engine, run
from service.image.half_load import half_load

LIMITS = {"quota": ("--cpus=1", "--cpuset-cpus=0-1"), "bound": ("--cpuset-cpus=0",), "free": ()}
OPTIONS = (
    *("run", "--detach", "--network=host", "--read-only", "--user=12345:0", "--cap-drop=all", "--no-healthcheck"),
    *("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", "--tmpfs=/data:rw,size=1g"),
)
AT_ONCE = {"podman": ("--time=0",)}  # docker's "rm --force" waits for nothing
START_S = 120.0
CLIFF_MS = 10.0
PERIOD_S = 0.1  # in which a quota is used up, or not


def command() -> tuple[str, ...]:
    """Return how this machine's engine is called (BonsaiError where there is none): podman with runc where that is
    installed, for not every kernel has what crun asks for.
    """
    name = engine()
    return (name, "--runtime=runc") if name == "podman" and shutil.which("runc") else (name,)


def under(
    engine: Sequence[str], image: str, limits: Sequence[str], variant: str, rate: float | None, seconds: float
) -> tuple[float, list[float], int]:
    """Return the same of a new container, and how often its quota stopped it (BonsaiError where it cannot be asked)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host, container = f"http://127.0.0.1:{port}", f"bonsai-quota-{port}"
    place = (f"--name={container}", f"--env=BENTOML_PORT={port}", "--env=BENTOML_HOST=127.0.0.1")
    try:
        run(*engine, *OPTIONS, *limits, *place, image)
        wait(engine, container, host)
        names = [card["name"] for card in httpx.get(f"{host}/variants", timeout=30).json()["variants"]]
        if variant not in names:
            raise BonsaiError(f"'{variant}' is no variant of '{image}'; expected one of {', '.join(names)}")
        before = stopped(engine, container)
        rate, times = asyncio.run(half_load(host, variant, rate, seconds))
        return rate, times, stopped(engine, container) - before
    except httpx.HTTPError as problem:
        raise BonsaiError(f"'{image}' did not answer ({str(problem) or type(problem).__name__})") from problem
    finally:
        with suppress(BonsaiError):  # there is none where it could not be made
            run(*engine, "rm", "--force", "--volumes", *AT_ONCE.get(engine[0], ()), container)


def wait(engine: Sequence[str], container: str, host: str) -> None:
    """Return when a container is ready (BonsaiError with the last line that it said where it ends, or never is)."""
    until, why = time.monotonic() + START_S, f"is not ready after {START_S:.0f} s"
    while time.monotonic() < until:
        try:
            if httpx.get(f"{host}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if run(*engine, "inspect", "--format={{.State.Running}}", container) != "true":
            why = "ended before it was ready"
            break
        time.sleep(0.2)
    said = subprocess.run([*engine, "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    raise BonsaiError(f"the container {why}; it said last: {last or 'nothing'}")


def stopped(engine: Sequence[str], container: str) -> int:
    """Return in how many periods the quota has stopped a container (cpu.stat, "nr_throttled")."""
    code = (
        "import re; from pathlib import Path;"
        "files = map(Path, ('/sys/fs/cgroup/cpu.stat', '/sys/fs/cgroup/cpu/cpu.stat'));"
        "said = ''.join(file.read_text() for file in files if file.exists()) + 'nr_throttled 0';"
        "print(re.search('nr_throttled (.*)', said).group(1))"
    )
    return int(run(*engine, "exec", container, "python", "-c", code))


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was done, promised and seen, as the table of faults shows it.

    A round has a cliff where p99 is far above the bound one's and the quota stopped the container in more periods than
    p99 passes over: what is slow without that is slow by something else.
    """
    by_limit = {name: [each for each in found["rounds"] if each["limit"] == name] for name in LIMITS}
    p99 = {name: [each["p99_ms"] for each in those] for name, those in by_limit.items()}
    more = [quota - bound for quota, bound in zip(p99["quota"], p99["bound"], strict=True)]
    stopped = [each["stopped_periods"] for each in by_limit["quota"]]
    periods = found["seconds"] / PERIOD_S
    cliffs = [by > CLIFF_MS and count > periods / 100 for by, count in zip(more, stopped, strict=True)]
    return [
        {
            "fault": "a quota of one core",
            "done": f"{found['rate']:,} requests/s to {found['variant']}, half of what it takes, {len(more)} rounds of "
            f"{found['seconds']:g} s, in turns with one bound to a core; {found['engine']}, {found['cpu']}",
            "promised": f"in no round p99 more than {CLIFF_MS:g} ms above the bound one's by the quota, that is with "
            "more than a hundredth of the periods of 100 ms in which it stopped the container",
            "seen": f"p99 {np.median(p99['quota']):.1f} ms, bound {np.median(p99['bound']):.1f}, free "
            f"{np.median(p99['free']):.1f} (medians); {min(more):+.1f} to {max(more):+.1f} above the bound one's; "
            f"stopped in {sum(stopped)} of {periods * len(more):,.0f} periods, {max(stopped)} of {periods:,.0f} in a "
            "round at the most",
            "kept": not any(cliffs),
        }
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turns and print one line of JSON; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(prog="python -m service.image.quota", description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--variant", default="nano")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    rate, found = None, list[dict[str, Any]]()
    try:
        if (usable := cores()) < 2:
            raise BonsaiError(f"{usable:g} core(s) may be used here; expected two, for a quota of one to matter")
        called = command()
        for number in range(given.rounds):
            for name, limits in LIMITS.items():
                rate, times, periods = under(called, given.image, limits, given.variant, rate, given.seconds)
                p50, p99 = map(float, np.percentile(times, [50, 99]))
                row = {"round": number, "limit": name, "p50_ms": p50, "p99_ms": p99, "stopped_periods": periods}
                row = {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
                found.append(row)
                print(row, file=sys.stderr)
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return 2
    date = datetime.now(UTC).date().isoformat()
    result = {
        "variant": given.variant,
        "rate": round(rate or 0),
        "seconds": given.seconds,
        "engine": called[0],
        "cpu": cpu_name(),
        "date": date,
        "rounds": found,
    }
    result["rows"] = rows(result)
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
