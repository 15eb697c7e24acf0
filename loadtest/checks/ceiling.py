"""How many requests a second this generator can send and check on this machine, against a server that does nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gevent.event import Event

from loadtest.ask.arrivals import MOST_CONNECTIONS
from loadtest.checks.known import VARIANT, VERSIONS, known_bench
from loadtest.errors import LoadTestError
from loadtest.measurement.bench import Bench, generator_processes
from loadtest.measurement.pinning import pinned
from loadtest.measurement.progress import Status
from loadtest.numbers.lateness import LATE_SHARE, late_share
from loadtest.numbers.recording import Kept, Measurement
from loadtest.numbers.result import Ceiling, Placement
from loadtest.scenarios.load import Load
from loadtest.search.highest_rate import highest_rate

USERS = 4  # enough that one request is always ready while another is on its way
ROUNDS, SHORTEST = (
    3,
    0.25,
)  # and seconds, of each loop; the best counts, since a machine's slow spells are no property of the generator
FIRST_SHARE, LEAST_SHARE = (
    0.4,
    0.02,
)  # of what a closed loop reached: where the search for the open loop's rate begins, and where it ends without one
ACHIEVED, FAR = 0.98, 10  # of what was offered; times the share that may be late
OVERDUE_S = 0.5  # after which a try that cannot keep up is over
CONNECTIONS = max(USERS, MOST_CONNECTIONS)  # open at most in one process


class Tried(Kept):
    """One rate that the search for the open loop's tried."""

    rate: float
    offered: float
    achieved: float
    late_share: float


class Found(Kept):
    """The generator's rates, and how they were found."""

    rates: Ceiling
    rounds: dict[str, list[float]]
    search: list[Tried]
    seconds: float
    processes: int
    cores: Placement


def ceiling(stop: Event, status: Status, seconds: float, processes: int = 1) -> Found | None:
    """Return right answers a second: of one user, of several in a closed loop, and the highest rate that an open loop
    keeps to; None when stopped.

    Asked for more than it can, an open loop sends less than it could: what it sends then says nothing of what it can.
    """
    base = Load(warm_up=0.1, seconds=max(seconds / ROUNDS, SHORTEST))
    with (
        known_bench(stop) as bench,
        pinned(bench.address, same_machine=True, generators=processes) as cores,
        generator_processes(bench, processes),
    ):
        reached: dict[str, list[float]] = {"single": [], "closed": []}
        for number in range(1, ROUNDS + 1):
            for name, users in (("single", 1), ("closed", USERS * processes)):
                status.say(f"what the generator itself can send, users: {users}, round {number} of {ROUNDS}")
                measured = _measured(bench, replace(base, users=users))
                if measured is None:
                    return None
                reached[name].append(measured.texts_per_second or 0.0)
        if not all(max(rates) for rates in reached.values()):
            raise LoadTestError(
                "the server that does nothing gave no right answers; see its messages above, and whether other work "
                "fills the machine"
            )
        tried: list[Tried] = []
        most = max(reached["closed"])
        tries = replace(base, timeout=OVERDUE_S)

        def sustained(rate: float) -> bool | None:
            status.say(f"what the generator itself can send, open loop at {rate:,.0f} a second")
            return _sustained(bench, replace(tries, rate=rate), tried)

        found = highest_rate(FIRST_SHARE * most, sustained, LEAST_SHARE * most)
    if found is None:
        return None
    best = Ceiling(**{name: round(max(rates), 1) for name, rates in reached.items()}, open=round(found.passed, 1))
    return Found(rates=best, rounds=reached, search=tried, seconds=seconds, processes=processes, cores=cores)


def markdown(kept: Mapping[str, Any]) -> str:
    """Return the rates as a table."""
    loads = (
        ("single", "one user"),
        ("closed", f"closed loop of {USERS * kept['ceiling']['processes']} users"),
        ("open", "open loop, on time"),
    )
    lines = ["| load on a server that does nothing | requests/s, checks on |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {load} | {kept['ceiling'][key]:,.0f} |" for key, load in loads)]) + "\n"


def _sustained(bench: Bench, load: Load, tried: list[Tried]) -> bool | None:
    """Say whether one of two tries sent what was asked for, and on time; one that is far from it needs no second."""
    for _ in range(2):
        one = _measured(bench, load)
        if one is None:
            return None
        offered, achieved = one.offered or 0.0, one.achieved or 0.0
        late = late_share([one]) + one.no_connection / max(one.requests, 1)
        tried.append(Tried(rate=load.rate, offered=offered, achieved=achieved, late_share=round(late, 5)))
        if late <= LATE_SHARE and achieved >= ACHIEVED * offered:
            return True
        if late > FAR * LATE_SHARE:
            return False
    return False


def _measured(bench: Bench, load: Load) -> Measurement | None:
    measured = bench.measure({VARIANT: 1}, VERSIONS, load, "ceiling")
    return None if measured is None else measured[VARIANT]
