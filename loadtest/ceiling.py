"""How many requests a second this generator can send and check on this machine: `python -m loadtest.ceiling` measures it against a server that does nothing."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported
from gevent.event import Event

from loadtest.conditions import Disturbance, surroundings
from loadtest.errors import LoadTestError
from loadtest.interruption import stop_on_signals
from loadtest.known import VARIANT, VERSIONS, known_bench
from loadtest.measure import Bench, Load, generator_processes
from loadtest.pinning import pinned
from loadtest.result import write_json

USERS = 4  # enough that one request is always ready while another is on its way
OVERLOAD = 2.5  # an open loop is asked for more than a closed one reached, so that it gives all it can
PUBLISHED = Path("loadtest/results/published/ceiling.json")


def ceiling(stop: Event, seconds: float, processes: int = 1) -> dict[str, Any] | None:
    """Return right answers a second: of one user, of several in a closed loop, and in an open loop; None when stopped."""
    base = Load(warm_up=seconds / 4, seconds=seconds)
    with known_bench(stop) as bench, pinned(bench.address, same_machine=True, generators=processes) as cores, generator_processes(bench, processes):
        single, closed = (_reached(bench, replace(base, users=users)) for users in (1, USERS * processes))
        opened = closed and _reached(bench, replace(base, rate=OVERLOAD * closed, timeout=60.0))
    if single is None or closed is None or opened is None:
        return None
    return {"single": single, "closed": closed, "open": opened, "seconds": seconds, "processes": processes, "cores": cores}


def markdown(kept: dict[str, Any]) -> str:
    """Return the rates as a table."""
    loads = (("single", "one user"), ("closed", f"closed loop of {USERS * kept['ceiling']['processes']} users"), ("open", "open loop"))
    lines = ["| load on a server that does nothing | requests/s, checks on |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {load} | {kept['ceiling'][key]:,.0f} |" for key, load in loads)]) + "\n"


def _reached(bench: Bench, load: Load) -> float | None:
    measured = bench.measure({VARIANT: 1}, VERSIONS, load, "ceiling")
    if measured is None:
        return None
    one = measured[VARIANT]
    if not one["texts_per_second"]:
        raise LoadTestError(f"the server that does nothing gave no right answers ({one['failures']}); see its messages above")
    return round(float(one["texts_per_second"]), 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the ceiling and keep it."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.ceiling", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each of the three measurements")
    parser.add_argument("--processes", type=int, default=1, help="generator processes")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    given = parser.parse_args(arguments)
    disturbance = Disturbance()
    try:
        found = ceiling(stop_on_signals(), given.seconds, given.processes)
        if found is None:
            return 130
        kept = {**surroundings(), "disturbance": disturbance.share(), "ceiling": found}
        write_json(given.out, kept)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
