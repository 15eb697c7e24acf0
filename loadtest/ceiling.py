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
from loadtest.files import allow_connections
from loadtest.generator import LATE_SHARE, late_share
from loadtest.highest_rate import highest_rate
from loadtest.interruption import stop_on_signals
from loadtest.known import VARIANT, VERSIONS, known_bench
from loadtest.measure import Bench, Load, generator_processes
from loadtest.open_loop import MOST_CONNECTIONS
from loadtest.pinning import pinned
from loadtest.progress import Status, progress
from loadtest.result import write_json

USERS = 4  # enough that one request is always ready while another is on its way
ROUNDS, SHORTEST = 3, 0.25  # and seconds, of each loop; the best counts, since a machine's slow spells are no property of the generator
FIRST_SHARE, LEAST_SHARE = 0.4, 0.02  # of what a closed loop reached: where the search for the open loop's rate begins, and where it ends without one
ACHIEVED, FAR = 0.98, 10  # of what was offered; times the share that may be late
OVERDUE_S = 0.5  # after which a try that cannot keep up is over
PUBLISHED = Path("loadtest/results/published/ceiling.json")


def ceiling(stop: Event, status: Status, seconds: float, processes: int = 1) -> dict[str, Any] | None:
    """Return right answers a second: of one user, of several in a closed loop, and the highest rate that an open loop keeps to; None when stopped.

    Asked for more than it can, an open loop sends less than it could: what it sends then says nothing of what it can.
    """
    base = Load(warm_up=0.1, seconds=max(seconds / ROUNDS, SHORTEST))
    with known_bench(stop) as bench, pinned(bench.address, same_machine=True, generators=processes) as cores, generator_processes(bench, processes):
        reached: dict[str, list[float]] = {"single": [], "closed": []}
        for number in range(1, ROUNDS + 1):
            for name, users in (("single", 1), ("closed", USERS * processes)):
                status.say(f"what the generator itself can send, users: {users}, round {number} of {ROUNDS}")
                measured = _measured(bench, replace(base, users=users))
                if measured is None:
                    return None
                reached[name].append(measured["texts_per_second"] or 0.0)
        if not all(max(rates) for rates in reached.values()):
            raise LoadTestError("the server that does nothing gave no right answers; see its messages above, and whether other work fills the machine")
        tried: list[dict[str, Any]] = []
        most = max(reached["closed"])
        tries = replace(base, timeout=OVERDUE_S)

        def sustained(rate: float) -> bool | None:
            status.say(f"what the generator itself can send, open loop at {rate:,.0f} a second")
            return _sustained(bench, replace(tries, rate=rate), tried)

        found = highest_rate(FIRST_SHARE * most, sustained, LEAST_SHARE * most)
    if found is None:
        return None
    best = {name: round(max(rates), 1) for name, rates in reached.items()}
    return {**best, "open": round(found.passed, 1), "rounds": reached, "search": tried, "seconds": seconds, "processes": processes, "cores": cores}


def markdown(kept: dict[str, Any]) -> str:
    """Return the rates as a table."""
    loads = (("single", "one user"), ("closed", f"closed loop of {USERS * kept['ceiling']['processes']} users"), ("open", "open loop, on time"))
    lines = ["| load on a server that does nothing | requests/s, checks on |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {load} | {kept['ceiling'][key]:,.0f} |" for key, load in loads)]) + "\n"


def _sustained(bench: Bench, load: Load, tried: list[dict[str, Any]]) -> bool | None:
    """Say whether one of two tries sent what was asked for, and on time; one that is far from it needs no second."""
    for _ in range(2):
        one = _measured(bench, load)
        if one is None:
            return None
        late = late_share([one]) + one.get("no_connection", 0) / max(one["requests"], 1)
        tried.append({"rate": load.rate, "offered": one["offered"], "achieved": one["achieved"], "late_share": round(late, 5)})
        if late <= LATE_SHARE and one["achieved"] >= ACHIEVED * one["offered"]:
            return True
        if late > FAR * LATE_SHARE:
            return False
    return False


def _measured(bench: Bench, load: Load) -> dict[str, Any] | None:
    measured = bench.measure({VARIANT: 1}, VERSIONS, load, "ceiling")
    return None if measured is None else measured[VARIANT]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the ceiling and keep it."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.ceiling", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each of the three measurements, in three rounds")
    parser.add_argument("--processes", type=int, default=1, help="generator processes")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    given = parser.parse_args(arguments)
    disturbance = Disturbance()
    try:
        allow_connections(MOST_CONNECTIONS)
        with progress("ceiling") as status:
            found = ceiling(stop_on_signals(), status, given.seconds, given.processes)
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
