"""Does the load test tell the truth? A server that pauses and knows its own times is asked in an open loop and in a
closed one.

The truth is the server's own log, from when each request was meant to start to when its answer was written, with the
queue before it. The closed loop is what Locust users do by habit, `constant_throughput` at the same rate: while the
server pauses it sends nothing, and so it misses most of what a pause does.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from locust import constant_throughput

from loadtest.checks.known import VARIANT, VERSIONS, known_bench
from loadtest.checks.known_server import INTENDED
from loadtest.errors import LoadTestError
from loadtest.measurement.interruption import stop_on_signals
from loadtest.measurement.pinning import pinned
from loadtest.measurement.progress import Status
from loadtest.numbers.lateness import late_share
from loadtest.numbers.percentiles import milliseconds
from loadtest.numbers.recording import Measurement, merged
from loadtest.scenarios.load import Load
from loadtest.users.address import Address, get
from loadtest.users.closed_loop import ClosedLoopUser
from loadtest.users.connection import Connection
from loadtest.users.open_loop import OpenLoopUser
from loadtest.users.variant_user import Asked

KNOBS = {"median_ms": 20.0, "sigma": 0.5, "workers": 4, "pause_ms": 200.0, "every_s": 5.0}
RATE = 90.0  # half of what the four workers can do
USERS = 4
COMPARED = (50.0, 95.0, 99.0)
TOLERANCE_SHARE, TOLERANCE_MS = 0.03, 0.3


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
    times = sorted(took / 1e6 for _, took in sorted(log)[: opened[VARIANT].requests])
    rows = [_row(percentile, times, opened[VARIANT], closed[VARIANT]) for percentile in COMPARED]
    return {
        "server": KNOBS,
        "rate": RATE,
        "closed_users": USERS,
        "cores": cores.model_dump(exclude_none=True),
        "answers": len(times),
        "sent_late_share": round(late_share([opened[VARIANT]]), 5),
        "percentiles": rows,
        "within": all(row["within"] for row in rows),
        **_of_the_pause(rows[-1]),
        "raw": {
            "truth_ms": [round(time, 4) for time in times],
            "open": opened[VARIANT].model_dump(exclude_none=True),
            "closed": closed[VARIANT].model_dump(exclude_none=True),
        },
    }


def markdown(kept: Mapping[str, Any]) -> str:
    """Return the comparison as a table."""
    lines = ["| | truth, ms | open loop, ms | closed loop, ms |", "|---|---:|---:|---:|"]
    for row in kept["percentiles"]:
        times = ["–" if row[key] is None else f"{row[key]:.1f}" for key in ("truth_ms", "open_ms", "closed_ms")]
        lines.append(f"| p{row['percentile']:g} | {' | '.join(times)} |")
    return "\n".join(lines) + "\n"


def _row(percentile: float, times: list[float], opened: Measurement, closed: Measurement) -> dict[str, Any]:
    if not times:
        raise LoadTestError("the server was asked nothing in that time; give --seconds more")
    exact = times[ceil(percentile / 100 * len(times)) - 1]
    found, hidden = (milliseconds(merged([one.histogram]), percentile) for one in (opened, closed))
    within = found is not None and abs(found - exact) <= max(TOLERANCE_SHARE * exact, TOLERANCE_MS)
    return {
        "percentile": percentile,
        "truth_ms": round(exact, 4),
        "open_ms": found,
        "closed_ms": hidden,
        "within": within,
    }


def _of_the_pause(p99: dict[str, Any]) -> dict[str, bool]:
    """Say whether the pause, which meets 4 % of the arrivals, is in the open loop's p99, and missing in the closed
    loop's.
    """
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
