"""What clients can do to a service: too many connections, too slow ones, dead ones, too much on one, bodies and heads
without an end, JSON that nobody would write.
"""

import asyncio
import json
import os
import socket
import statistics
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from tests.faults.rows import Row, counts
from tests.service.serving.test_operation import workers
from tests.service.serving.test_protocol import answer, request

HEAD = b"POST /int8/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
PIECE = b"x" * 2**18
TCP_REPAIR = 19
CALLS_S = 5.0
KEY = "a-key-of-the-faults-0123"

JSONS = {
    "nested 100,000 deep": b'{"texts":' + b"[" * 100_000,
    "nested deep and closed": b'{"texts":' + b"[" * 500 + b"]" * 500 + b"}",
    "1e400": b'{"texts": ["a"], "top_k": 1e400}',
    "a number of 5,000 digits": b'{"texts": ["a"], "top_k": ' + b"9" * 5000 + b"}",
    "NaN": b'{"texts": ["a"], "top_k": NaN}',
    "a lone surrogate": b'{"texts": ["\\ud800"]}',
    "no UTF-8": b'{"texts": ["\xff"]}',
    "a list": b"[]",
    "nothing": b"",
    "a NUL": b'{"texts": ["a\x00"]}',
}


class Served:
    """A service at an address; all its workers' memory and how it answers."""

    def __init__(self, host: str) -> None:
        self.host, self.port = host, urlsplit(host).port or 0

    def memory(self) -> float:
        """Return the workers' own memory, in MB."""
        return sum(float(process.memory_full_info().uss) for process in self.workers()) / 1e6

    def workers(self) -> list[psutil.Process]:
        """Return its worker processes."""
        found: list[psutil.Process] = workers(self.host)
        return found

    def wait(self) -> None:
        """Wait until all its workers serve the build."""
        while not self.all_ready():
            time.sleep(0.1)

    def all_ready(self) -> bool:
        """Tell whether all its workers have the build open."""
        with suppress(OSError, ValueError):
            with urllib.request.urlopen(f"{self.host}/variants", timeout=5) as said:
                found = json.load(said)
            return bool(found["workers"] == found["all_workers"])
        return False

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, raw: bytes = b"") -> int:
        """Return the status of an answer on a new connection; 0 where there was none."""
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            reader, writer = await self.open()
            try:
                writer.write(raw or request(extra="connection: close\r\n"))
                status, _, _ = await asyncio.wait_for(answer(reader), 30)
                return status
            finally:
                writer.close()
        return 0

    async def well(self, seconds: float = CALLS_S) -> tuple[int, int, float]:
        """Return how many of a calm caller's requests were answered, of how many, and their p99 in ms."""
        until, statuses, times = time.monotonic() + seconds, list[int](), list[float]()
        while time.monotonic() < until:
            began = time.monotonic()
            statuses.append(await self.ask())
            times.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(0.01)
        return statuses.count(200), len(statuses), statistics.quantiles(times, n=100)[-1]


async def _end(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Tell whether the other end closes within so many seconds."""
    with suppress(ConnectionError):
        try:
            await asyncio.wait_for(reader.read(), seconds)
        except TimeoutError:
            return False
    return True


async def idle(served: Served, count: int, keep_alive_s: float) -> Row:
    """Open many connections and ask nothing on them."""
    before = served.memory()
    opened = []
    for _ in range(count):
        with suppress(OSError):
            opened.append(await served.open())
    held = served.memory()
    ok, all_, p99 = await served.well()
    closed = await asyncio.gather(*(_end(reader, 2.5 * keep_alive_s) for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    each = 1000 * (held - before) / max(1, len(opened))
    return Row(
        f"{count:,} idle connections",
        "they are opened, and nothing is sent",
        "others are answered; idle ones are closed after BONSAI_KEEP_ALIVE_S and at most BONSAI_READ_S more",
        f"{len(opened):,} opened, {each:.0f} kB each; beside them {ok} of {all_} requests answered, p99 {p99:.0f} ms; "
        f"{sum(closed):,} closed by the service",
        ok == all_ and all(closed),
    )


async def slow(served: Served, count: int, piece: bytes, start: bytes, what: str, within_s: float) -> Row:
    """Send requests a few bytes a second (slowloris)."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(start)
            while not writer.is_closing():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(1.0)

    async def one() -> int:
        reader, writer = await served.open()
        dripping = asyncio.create_task(drip(writer))
        try:
            status, _, _ = await asyncio.wait_for(answer(reader), within_s)
            return status
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return 0
        finally:
            dripping.cancel()
            writer.close()

    before = served.memory()
    all_slow = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(2)
    ok, all_, p99 = await served.well()
    statuses = Counter(await asyncio.gather(*all_slow))
    return Row(
        f"{count:,} clients that send {what} slowly",
        f"{len(piece)} bytes a second each (slowloris)",
        "408 within twice BONSAI_READ_S; others are answered meanwhile",
        f"{statuses[408]:,} got 408; beside them {ok} of {all_} requests answered, p99 {p99:.0f} ms; memory "
        f"{served.memory() - before:+.0f} MB",
        statuses[408] == count and ok == all_,
    )


async def half_open(served: Served, count: int, within_s: float) -> Row:
    """Let clients vanish without a word: their sockets are closed so that no packet leaves."""

    def files() -> int:
        return sum(process.num_fds() for process in served.workers())

    before, vanished = files(), 0
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", served.port))
        client.sendall(HEAD)
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            vanished += 1
        client.close()
    held, began = files() - before, time.monotonic()
    while files() > before + count // 20 and time.monotonic() - began < within_s:
        await asyncio.sleep(0.5)
    left = files() - before
    return Row(
        f"{count:,} half-open connections",
        "clients vanish without a packet in the midst of a request",
        "closed within twice BONSAI_READ_S",
        f"{vanished:,} vanished; {held:,} files held, after {time.monotonic() - began:.0f} s {max(0, left)}",
        vanished == count and left <= count // 20,
    )


async def pipelined(served: Served, count: int) -> Row:
    """Send many requests on one connection before the first is answered."""
    reader, writer = await served.open()
    writer.write(b"".join(request(extra=f"x-request-id: {number}\r\n") for number in range(count)))
    in_order = 0
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        for number in range(count):
            status, headers, _ = await asyncio.wait_for(answer(reader), 60)
            in_order += status == 200 and headers["x-request-id"] == str(number)
    writer.close()
    return Row(
        f"{count:,} requests one behind another",
        "sent on one connection at once",
        "all answered, in their order",
        f"{in_order:,} answered in order",
        in_order == count,
    )


async def endless(served: Served, fault: str, head: bytes, piece: bytes, most: int, status: int, promised: str) -> Row:
    """Send up to so many bytes of one request, and count those that were taken before it was refused."""
    before = served.memory()
    reader, writer = await served.open()
    taken, began = 0, time.monotonic()
    answering = asyncio.create_task(answer(reader))
    with suppress(ConnectionError):
        writer.write(head)
        while taken < most and not answering.done():
            writer.write(piece)
            await writer.drain()
            taken += len(piece)
    said = 0
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        said, _, _ = await asyncio.wait_for(answering, 30)
    seconds = time.monotonic() - began
    writer.close()
    grown = served.memory() - before
    well = await served.ask()
    return Row(
        fault,
        f"up to {most >> 20} MiB are sent on one connection",
        promised,
        f"{said} after {taken / 2**20:.1f} MiB and {seconds:.2f} s; memory {grown:+.0f} MB",
        (said, well) == (status, 200) and grown < 100,
    )


async def strange_json(served: Served, paths: tuple[str, ...]) -> Row:
    """Send JSON that nobody would write to every route that takes some."""
    statuses = Counter[int]()
    for path in paths:
        for body in JSONS.values():
            statuses[
                await served.ask(request(path, body, f"authorization: Bearer {KEY}\r\nconnection: close\r\n"))
            ] += 1
    twice = await served.ask(
        request("/int8/predict", b'{"texts": ["a"], "texts": ["b", "c"]}', "connection: close\r\n")
    )
    failed = sum(count for status, count in statuses.items() if not 200 <= status < 500)
    return Row(
        "deep JSON, 1e400, NaN, huge numbers, lone surrogates",
        f"{len(JSONS)} bodies to {len(paths)} routes",
        "one sentence and a 4xx where it cannot be read; no 5xx",
        counts(statuses),
        not failed and twice == 200,
    )


def killed_workers(served: Served, kills: int, within_s: float = 5.0) -> Row:
    """Kill a worker again and again, and wait until as many as before answer."""
    times = []
    for _ in range(kills):
        before = {process.pid for process in served.workers()}
        began = time.monotonic()
        os.kill(min(before), 9)
        while not _all_ready(served, before - {min(before)}, len(before)) and time.monotonic() - began < 60:
            time.sleep(0.05)
        times.append(time.monotonic() - began)
        time.sleep(0.5)
    return Row(
        "kill -9 of a worker",
        f"{kills} times, of two workers",
        f"another serves in its place within {within_s:.0f} s",
        f"back after {statistics.median(times):.1f} s (median), {max(times):.1f} s at the most",
        max(times) <= within_s,
    )


def _all_ready(served: Served, others: set[int], count: int) -> bool:
    """Tell whether there are so many workers, these among them, and all have the build open."""
    now = {process.pid for process in served.workers()}
    return len(now) == count and others <= now and served.all_ready()


def out_of_memory(served: Served, more_mb: int, requests: int) -> Row:
    """Let a worker have hardly more memory than it has, and ask for much."""
    victim = served.workers()[0]
    limit = victim.memory_info().vms + more_mb * 2**20
    victim.rlimit(psutil.RLIMIT_AS, (limit, limit))
    body = json.dumps({"texts": ["where is my parcel " * 40] * 2000, "top_k": 4}).encode()

    async def run() -> Counter[int]:
        raw = request("/teacher/predict", body, "connection: close\r\n")
        return Counter(await asyncio.gather(*(served.ask(raw) for _ in range(requests))))

    statuses = asyncio.run(run())
    time.sleep(1)
    began, ok = time.monotonic(), 0
    while time.monotonic() - began < 10 and ok < 50:
        ok = ok + 1 if asyncio.run(served.ask()) == 200 else 0
    lives = victim.is_running() and victim.status() != psutil.STATUS_ZOMBIE
    if lives:
        victim.kill()
    return Row(
        "a worker's memory limit",
        f"RLIMIT_AS at {more_mb} MB more than it has, {requests} requests of 2,000 texts at once",
        "requests may fail in one sentence; the service goes on, or is back within 5 s",
        f"{counts(statuses)} (0: no answer); the worker {'lived' if lives else 'died'}; then {ok} of 50 "
        f"in a row answered after {time.monotonic() - began:.1f} s",
        ok >= 50,
    )


Drill = Callable[[Served], Row]


def drills(quick: bool, keep_alive_s: float, read_s: float) -> dict[str, Drill]:
    """Return what is done to a service, by name."""
    few = 20 if quick else 1
    post = b"transfer-encoding: chunked\r\n\r\n"
    routes = ("/int8/predict", "/predict", "/v1/models/int8:predict", "/v2/models/int8/infer", "/feedback", "/variants",
              "/experiments", "/experiments/x")  # fmt: skip
    early = "413 once 64 MiB have come"
    head = "431 once some 300 KiB have come"
    gigabyte = 2**30 // few
    return {
        "idle": lambda served: asyncio.run(idle(served, 10_000 // few, keep_alive_s + read_s)),
        "slow_heads": lambda served: asyncio.run(
            slow(served, 1000 // few, b"x: y\r\n", HEAD, "headers", 3 * read_s + 30)
        ),
        "slow_bodies": lambda served: asyncio.run(
            slow(served, 1000 // few, b"{", HEAD + b"content-length: 60000\r\n\r\n", "bodies", 3 * read_s + 30)
        ),
        "half_open": lambda served: asyncio.run(half_open(served, 1000 // few, 3 * read_s)),
        "pipelined": lambda served: asyncio.run(pipelined(served, 2000 // few)),
        "declared": lambda served: asyncio.run(
            endless(served, "a body of 1 GiB, its length declared", HEAD + b"content-length: %d\r\n\r\n" % 2**30, PIECE,
                    gigabyte, 413, "413 before it is read")
        ),
        "chunked": lambda served: asyncio.run(
            endless(served, "a body of 1 GiB in chunks", HEAD + post, b"40000\r\n" + PIECE + b"\r\n", 2**30, 413, early)
        ),
        "headers": lambda served: asyncio.run(
            endless(served, "headers without an end", HEAD, b"x: " + b"y" * 8000 + b"\r\n", gigabyte, 431, head)
        ),
        "one_header": lambda served: asyncio.run(
            endless(served, "one header without an end", HEAD + b"x: ", PIECE, gigabyte, 431, head)
        ),
        "trailers": lambda served: asyncio.run(
            endless(served, "trailers without an end", HEAD + post + b"0\r\n", b"x: " + b"y" * 8000 + b"\r\n", gigabyte,
                    431, head)
        ),
        "json": lambda served: asyncio.run(strange_json(served, routes)),
        "memory": lambda served: out_of_memory(served, 4, 8),
        "workers": lambda served: killed_workers(served, 10 // (5 if quick else 1)),
    }  # fmt: skip
