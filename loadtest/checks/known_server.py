"""A server whose service times are known, to test the load test by: `python -m loadtest.checks.known_server
'{"median_ms": 20, "workers": 4}'`.

It prints its port and answers every variant with one label. Knobs, all optional:

    median_ms   median of the log-normal service time; 0, the default, answers at once
    sigma       its spread, standard deviation of the logarithm
    workers     requests served at the same time; the rest queue
    pause_ms    nothing ends for as long
    every_s     seconds from pause to pause
    seed        of the service times

GET /log gives, and forgets, its truth: for every request that said X-Intended-Start (perf_counter_ns), nanoseconds from
there to when its answer was written.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import Any

LABEL, VERSION = "known", "0" * 12
INTENDED = b"X-Intended-Start: "


@dataclass(frozen=True)
class Knobs:
    """What the command line sets."""

    median_ms: float = 0.0
    sigma: float = 0.5
    workers: int = 4
    pause_ms: float = 0.0
    every_s: float = 5.0
    seed: int = 1


class Service:
    """Queue, service times and pauses; the log of what each request really took."""

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._drawn = random.Random(knobs.seed)
        self._free = asyncio.Semaphore(knobs.workers)
        self._started = perf_counter()
        self.log: list[tuple[int, int]] = []

    async def serve(self, intended: int | None, answer: Callable[[], None]) -> None:
        """Answer after the queue, the service time and what is left of a pause."""
        async with self._free:
            await asyncio.sleep(self._knobs.median_ms / 1000 * self._drawn.lognormvariate(0, self._knobs.sigma))
            while (left := self._pause_left()) > 0:
                await asyncio.sleep(left)
            answer()
        if intended is not None:
            self.log.append((intended, perf_counter_ns() - intended))

    def _pause_left(self) -> float:
        within = (perf_counter() - self._started) % self._knobs.every_s
        return self._knobs.pause_ms / 1000 - within


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1 for keep-alive requests with a Content-Length."""

    def __init__(self, service: Service | None) -> None:
        self._service, self._data, self._tasks = service, b"", set[asyncio.Task[None]]()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            length = head.lower().find(b"content-length:")
            until = end + 4 + (int(head[length + 15 :].split(b"\r\n", 1)[0]) if length >= 0 else 0)
            if len(self._data) < until:
                return
            body, self._data = self._data[end + 4 : until], self._data[until:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if method == b"POST":
            texts = len(json.loads(body)["texts"])
            content = _predictions(path.decode().split("/")[-2], texts)
            if self._service is None:
                self._transport.write(content)
                return
            at = head.find(INTENDED)
            intended = int(head[at + len(INTENDED) :].split(b"\r\n", 1)[0]) if at >= 0 else None
            task = asyncio.ensure_future(self._service.serve(intended, lambda: self._transport.write(content)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif path == b"/log" and self._service is not None:
            log, self._service.log = self._service.log, []
            self._transport.write(_json(log))
        else:
            self._transport.write(_json({}))


def _predictions(variant: str, texts: int) -> bytes:
    prediction = {"label": LABEL, "score": 1.0, "truncated": False}
    return _json({"variant": variant, "version": VERSION, "request_id": "known", "predictions": [prediction] * texts})


def _json(content: object) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def main(knobs: Knobs) -> None:
    """Serve on a free port, which is printed."""
    service = Service(knobs) if knobs.median_ms else None
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    except ImportError:
        pass  # asyncio's own loop serves as well, at a third of the rate
    asyncio.run(main(Knobs(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))))
