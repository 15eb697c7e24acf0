"""Does the load test tell the truth? `python -m loadtest.truth` asks a server that pauses and knows its own times, in an open loop and in a closed one.

The truth is the server's own log, from when each request was meant to start to when its answer was written, with the queue before it. The closed loop is what
Locust users do by habit, `constant_throughput` at the same rate: while the server pauses it sends nothing, and so it misses most of what a pause does.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported
from locust import constant_throughput

from loadtest.conditions import Disturbance, surroundings
from loadtest.connection import Address, Connection, get
from loadtest.errors import LoadTestError
from loadtest.generator import late_share
from loadtest.interruption import stop_on_signals
from loadtest.known import VARIANT, VERSIONS, known_bench
from loadtest.known_server import INTENDED
from loadtest.measure import Load
from loadtest.open_loop import OpenLoopUser
from loadtest.percentiles import milliseconds
from loadtest.pinning import pinned
from loadtest.progress import Status, progress
from loadtest.recording import merged
from loadtest.result import write_json
from loadtest.users import Asked, ClosedLoopUser

KNOBS = {"median_ms": 20.0, "sigma": 0.5, "workers": 4, "pause_ms": 200.0, "every_s": 5.0}
RATE = 90.0  # half of what the four workers can do
USERS = 4
COMPARED = (50.0, 95.0, 99.0)
TOLERANCE_SHARE, TOLERANCE_MS = 0.03, 0.3
PUBLISHED = Path("loadtest/results/published/truth.json")


class StampedUser(OpenLoopUser):
    """Tells the server when each request was meant to start."""

    def draw(self) -> Asked:
        """Add the header to the next request."""
        asked = super().draw()
        return replace(asked, request=asked.request.replace(b"\r\n", b"\r\n%s%d\r\n" % (INTENDED, self.next_start), 1))


class PacedUser(ClosedLoopUser):
    """Waits after each answer until its share of the rate is due: at most that rate, whatever was meant."""

    wait_time = constant_throughput(RATE / USERS)


def truth(seconds: float, status: Status) -> dict[str, Any] | None:
    """Measure both loops against one server and hold them beside its log; None when interrupted."""
    stop = stop_on_signals()
    with known_bench(stop, KNOBS) as bench, pinned(bench.address, same_machine=True) as cores:
        bench.open_loop, bench.closed_loop = StampedUser, PacedUser
        status.say(f"open loop for {seconds:g} s", 0, 2)
        opened = bench.measure({VARIANT: 1}, VERSIONS, Load(warm_up=0, seconds=seconds, rate=RATE), "truth")
        log = _log(bench.address)
        status.say(f"closed loop for {seconds:g} s", 1, 2)
        closed = bench.measure({VARIANT: 1}, VERSIONS, Load(warm_up=0, seconds=seconds, users=USERS), "truth")
    if opened is None or closed is None:
        return None
    # The window begins with the first start; what the log holds beyond the recorded number came after its end.
    times = sorted(took / 1e6 for _, took in sorted(log)[: opened[VARIANT]["requests"]])
    rows = [_row(percentile, times, opened[VARIANT], closed[VARIANT]) for percentile in COMPARED]
    return {
        "server": KNOBS,
        "rate": RATE,
        "closed_users": USERS,
        "cores": cores,
        "answers": len(times),
        "sent_late_share": round(late_share([opened[VARIANT]]), 5),
        "percentiles": rows,
        "within": all(row["within"] for row in rows),
        **_of_the_pause(rows[-1]),
        "raw": {"truth_ms": [round(time, 4) for time in times], "open": opened[VARIANT], "closed": closed[VARIANT]},
    }


def markdown(kept: dict[str, Any]) -> str:
    """Return the comparison as a table."""
    lines = ["| | truth, ms | open loop, ms | closed loop, ms |", "|---|---:|---:|---:|"]
    for row in kept["percentiles"]:
        times = ["–" if row[key] is None else f"{row[key]:.1f}" for key in ("truth_ms", "open_ms", "closed_ms")]
        lines.append(f"| p{row['percentile']:g} | {' | '.join(times)} |")
    return "\n".join(lines) + "\n"


def _row(percentile: float, times: list[float], opened: dict[str, Any], closed: dict[str, Any]) -> dict[str, Any]:
    exact = times[ceil(percentile / 100 * len(times)) - 1]
    found, hidden = (milliseconds(merged([one["histogram"]]), percentile) for one in (opened, closed))
    within = found is not None and abs(found - exact) <= max(TOLERANCE_SHARE * exact, TOLERANCE_MS)
    return {"percentile": percentile, "truth_ms": round(exact, 4), "open_ms": found, "closed_ms": hidden, "within": within}


def _of_the_pause(p99: dict[str, Any]) -> dict[str, bool]:
    """Say whether the pause, which meets 4 % of the arrivals, is in the open loop's p99, and missing in the closed loop's."""
    half, tolerance = KNOBS["pause_ms"] / 2, max(TOLERANCE_SHARE * p99["truth_ms"], TOLERANCE_MS)
    return {
        "pause_shows": p99["open_ms"] is not None and p99["open_ms"] > half,
        "closed_loop_hides_it": p99["closed_ms"] is not None and p99["closed_ms"] < p99["truth_ms"] - tolerance,
    }


def _log(address: Address) -> list[list[int]]:
    connection = Connection(address, 10.0)
    try:
        log: list[list[int]] = json.loads(connection.ask(get(address, "/log"))[1])
        return log
    finally:
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; 1 when the open loop missed the truth or the pause."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.truth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each of the two measurements (default: %(default)g; p99 needs 12 at least)")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it (default: %(default)s)")
    given = parser.parse_args(arguments)
    disturbance = Disturbance()
    try:
        with progress("truth") as status:
            found = truth(given.seconds, status)
        if found is None:
            return 130
        kept = {**surroundings(), "disturbance": disturbance.share(), **found}
        write_json(given.out, kept)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(kept))
    print(json.dumps({key: value for key, value in kept.items() if key != "raw"}))
    return 0 if kept["within"] and kept["pause_shows"] else 1


if __name__ == "__main__":
    sys.exit(main())
