"""Does a quota make the tail long? `python -m service.image.quota IMAGE` asks a container at half of what it can take,
with a quota of one core and bound to one core without a quota, in turns, and says p50 and p99 of both.

A quota stops every thread of a container for the rest of a period of 100 ms once its share is used up. Threads made for
all cores of the machine use it up in a fraction of the period: the cliff of most model servers. Requests start by the
clock, so that one that waits is counted as late (open loop).
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

LIMITS = {"quota": ("--cpus=1", "--cpuset-cpus=0-1"), "bound": ("--cpuset-cpus=0",), "free": ()}
BODY = {"texts": ["my card was charged twice and i want my money back"]}
OPTIONS = (
    *("run", "--detach", "--network=host", "--read-only", "--user=12345:0", "--cap-drop=all", "--no-healthcheck"),
    *("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", "--tmpfs=/data:rw,size=1g"),
)


def podman(*arguments: str) -> str:
    """Return what podman prints."""
    done = subprocess.run(["podman", "--runtime=runc", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


async def ask(client: httpx.AsyncClient, path: str, due: float, times: list[float]) -> None:
    """Ask once when it is due; the time counts from then."""
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    answer = await client.post(path, json=BODY)
    answer.raise_for_status()
    times.append((time.monotonic() - due) * 1000)


async def most(client: httpx.AsyncClient, path: str, seconds: float, connections: int = 8) -> float:
    """Return the requests a second that so many connections get answered."""
    until, count = time.monotonic() + seconds, 0

    async def again() -> None:
        nonlocal count
        while time.monotonic() < until:
            (await client.post(path, json=BODY)).raise_for_status()
            count += 1

    await asyncio.gather(*(again() for _ in range(connections)))
    return count / seconds


async def measure(host: str, variant: str, rate: float | None, seconds: float) -> tuple[float, list[float]]:
    """Return the rate, half of the highest unless it is given, and the milliseconds of each request at it."""
    path, times = f"/{variant}/predict", list[float]()
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=host, timeout=30, limits=limits) as client:
        rate = rate or await most(client, path, seconds / 4) / 2
        begin = time.monotonic() + 0.5
        dues = begin + np.cumsum(np.random.default_rng(0).exponential(1 / rate, int(rate * seconds)))
        await asyncio.gather(*(ask(client, path, float(due), times) for due in dues))
    return rate, times


def under(
    image: str, limits: Sequence[str], variant: str, rate: float | None, seconds: float
) -> tuple[float, list[float], int]:
    """Return the same of a new container, and how often its quota stopped it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    container = podman(*OPTIONS, *limits, f"--env=BENTOML_PORT={port}", "--env=BENTOML_HOST=127.0.0.1", image)
    host = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{host}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        before = stopped(container)
        rate, times = asyncio.run(measure(host, variant, rate, seconds))
        return rate, times, stopped(container) - before
    finally:
        podman("rm", "--force", "--volumes", "--time=0", container)


def stopped(container: str) -> int:
    """Return in how many periods the quota has stopped a container (cpu.stat, "nr_throttled")."""
    code = (
        "import re; from pathlib import Path;"
        "files = map(Path, ('/sys/fs/cgroup/cpu.stat', '/sys/fs/cgroup/cpu/cpu.stat'));"
        "said = ''.join(file.read_text() for file in files if file.exists()) + 'nr_throttled 0';"
        "print(re.search('nr_throttled (.*)', said).group(1))"
    )
    return int(podman("exec", container, "python", "-c", code))


def main() -> int:
    """Measure in turns and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.image.quota", description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--variant", default="nano")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rate, found = None, list[dict[str, Any]]()
    for number in range(given.rounds):
        for name, limits in LIMITS.items():
            rate, times, periods = under(given.image, limits, given.variant, rate, given.seconds)
            p50, p99 = map(float, np.percentile(times, [50, 99]))
            row = {"round": number, "limit": name, "p50_ms": p50, "p99_ms": p99, "stopped_periods": periods}
            found.append({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()})
            print(found[-1], file=sys.stderr)
    date = datetime.now(UTC).date().isoformat()
    result = {
        "variant": given.variant,
        "rate": round(rate or 0),
        "seconds": given.seconds,
        "date": date,
        "rounds": found,
    }
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
