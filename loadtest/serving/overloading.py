"""The service under many times the load that it can take: how much of its work it still does, how soon it refuses the
rest, and whether it still says that it lives.

Each of many connections pauses after an answer, so requests arrive at nearly the same rate whatever the service does.
"""

import re
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving import probing
from loadtest.serving.bodies import bodies as json_bodies
from loadtest.serving.bodies import write_bodies
from loadtest.serving.running import Running, Setting, running
from loadtest.serving.servers import OURS_2, SERVERS
from loadtest.serving.telling import Told
from loadtest.serving.wrk import Load, finish, run

CONNECTIONS = 64  # of the closed loop that gives the capacity
CAPACITY_S = 8
PAUSE_MS = 1000  # of a connection, as far as MOST_CONNECTIONS are enough
MOST_CONNECTIONS = 2000
LEAD_S = 4.0  # until the queue is as full as it gets: what waits in it is the same when counting begins and ends
ANSWERED = re.compile(r'^bonsai_requests_total\{[^}]*status="(\d+)"[^}]*\} (\S+)$', re.MULTILINE)


def overload(
    setting: Setting, questions: Sequence[Question], seconds: int, times: float, seed: int, told: Told
) -> dict[str, Any]:
    """Return the capacity before and after, and what `times` as much came to."""
    with tempfile.TemporaryDirectory(prefix="bonsai-overload-") as folder:
        bodies = write_bodies(Path(folder), questions, [1], str(seed))[1]
        with running(SERVERS[OURS_2], setting, questions[0].text) as server:
            closed = Load(server.url, bodies, CONNECTIONS, CAPACITY_S)
            told.say(f"{setting.variant}: capacity", 0, 3)
            run(closed)  # warm-up
            before, cores_before = _capacity(server, closed)
            told.say(f"{setting.variant}: {times:g} times as much", 1, 3)
            found = _under(server, bodies, before * times, seconds, json_bodies(questions, 1, str(seed))[0])
            told.say(f"{setting.variant}: capacity again", 2, 3)
            time.sleep(1)
            after, cores_after = _capacity(server, closed)
    capacity = {"capacity": [round(before, 1), round(after, 1)], "capacity_cores": [cores_before, cores_after]}
    return {**capacity, "times": times, **found}


def _capacity(server: Running, closed: Load) -> tuple[float, float]:
    """Return the answers a second, and the CPU seconds that a second of them took."""
    used, began = server.cpu_seconds(), time.monotonic()
    per_second = run(closed).per_second
    return per_second, round((server.cpu_seconds() - used) / (time.monotonic() - began), 4)


def _under(server: Running, bodies: Path, rate: float, seconds: int, body: str) -> dict[str, Any]:
    connections = max(1, min(MOST_CONNECTIONS, round(rate * PAUSE_MS / 1000)))
    pause = max(1, round(1000 * connections / rate))
    length = ceil(LEAD_S + seconds) + 2
    with Load(server.url, bodies, connections, length, pause_ms=pause).start() as load:
        try:
            time.sleep(LEAD_S)
            probes = probing.start(server.url, seconds, body)
            used, began, first = server.cpu_seconds(), time.monotonic(), answered(server)
            time.sleep(seconds)
            used, took, last = server.cpu_seconds() - used, time.monotonic() - began, answered(server)
            probed = probing.finish(probes)
            figures = finish(load)
        except BaseException:
            load.kill()
            raise
    return {
        "connections": connections,
        "seconds": round(took, 3),
        "cores": round(used / took, 4),
        "statuses": {status: last[status] - first.get(status, 0) for status in sorted(last)},
        "errors": figures.errors,
        "probes": probed,
    }


def answered(server: Running) -> dict[str, int]:
    """Return how many requests a service has answered, by status (LoadTestError)."""
    try:
        with urllib.request.urlopen(urljoin(server.url, "/metrics"), timeout=30) as response:
            text = response.read().decode()
    except OSError as error:
        raise LoadTestError(
            f"the service did not answer /metrics under load ({error}); see whether it still runs"
        ) from error
    counts: dict[str, int] = {}
    for status, count in ANSWERED.findall(text):
        counts[status] = counts.get(status, 0) + round(float(count))
    return counts


def goodput(one: dict[str, Any]) -> float:
    """Return the rate of answers under overload, as a share of the capacity (the mean of before and after)."""
    answers = one["statuses"].get("200", 0) / one["seconds"]
    return float(answers / (sum(one["capacity"]) / len(one["capacity"])))


def goodput_of_its_time(one: dict[str, Any]) -> float:
    """Return the answers a CPU second of the service under overload, as a share of those at capacity: where load and
    service share the cores, what offers ten times as much takes ten times as many of them.
    """
    return float(goodput(one) / one["cores"] * sum(one["capacity_cores"]) / len(one["capacity_cores"]))


def times_of(one: dict[str, Any], what: str, status: int) -> list[float]:
    """Return the milliseconds of the answers with a status to what was asked beside the load."""
    return sorted(ms for found, ms in one["probes"][what] if found == status)


def markdown(kept: dict[str, Any]) -> str:
    """Return it as a table of one column a variant."""
    columns = kept["variants"].values()
    rows = [
        [
            "capacity before and after, requests/s",
            *(" and ".join(f"{x:,.0f}" for x in one["capacity"]) for one in columns),
        ],
        ["came, requests/s", *(f"{_came(one):,.0f}, {_came(one) / one['capacity'][0]:.1f} times" for one in columns)],
        ["connections", *(f"{one['connections']:,}" for one in columns)],
        ["answered, of the capacity", *(f"{goodput(one):.0%}" for one in columns)],
        [
            "answered, of the capacity in the CPU time it had",
            *(f"{goodput_of_its_time(one):.0%} ({one['cores']:.2f} cores)" for one in columns),
        ],
        ["refused (429), other answers, no answer", *(_others(one) for one in columns)],
        ["a refusal, p50 and p99", *(_ms(times_of(one, "predict", 429)) for one in columns)],
        ["an answer, p50 and p99", *(_ms(times_of(one, "predict", 200)) for one in columns)],
        ["`/livez`, p50 and p99", *(_ms(times_of(one, "livez", 200)) for one in columns)],
        ["`/metrics`, p50 and p99", *(_ms(times_of(one, "metrics", 200)) for one in columns)],
        ["none of them in time", *(str(_unanswered(one)) for one in columns)],
    ]
    heads = ["more than can be done, two workers", *kept["variants"]]
    lines = [heads, ["---", *["---:"] * len(columns)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _came(one: dict[str, Any]) -> float:
    return float(sum(one["statuses"].values()) / one["seconds"])


def _others(one: dict[str, Any]) -> str:
    refused = one["statuses"].get("429", 0)
    others = sum(one["statuses"].values()) - refused - one["statuses"].get("200", 0)
    return f"{refused:,}, {others}, {sum(one['errors'].values())}"


def _unanswered(one: dict[str, Any]) -> int:
    return sum(status == probing.NO_ANSWER for probes in one["probes"].values() for status, _ in probes)


def _ms(found: Sequence[float]) -> str:
    if not found:
        return "–"
    p50, p99 = (found[ceil(share * len(found)) - 1] for share in (0.5, 0.99))
    return f"{p50:.1f}, {p99:.1f} ms (of {len(found):,})"
