"""HTTP as uvicorn speaks it, with a short way for short predictions, and two things more for a worker that has too much
to do.

A request that would wait too long is refused as soon as its headers are read: without a task, and without its body. And
all connections that wait are accepted together: libuv accepts one in each turn of its loop, and with a thousand
requests in a turn the next connection would wait for seconds.
"""

import asyncio
import itertools
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import uvicorn.config

from service.serving import settings
from service.serving.at_once import AtOnce, at_once
from service.serving.connection import SPARE, Connection
from service.serving.direct import Direct, DirectCycle
from service.serving.refusals import Refusal, Refusals

ACCEPTED_AT_ONCE = 256


class Protocol(Connection):
    """One connection."""

    listener: ClassVar[socket.socket | None] = None
    refusals: ClassVar[Refusals] = Refusals()
    direct: ClassVar[Direct | None] = None
    at_once: ClassVar[Mapping[bytes, AtOnce]] = {}  # by URL
    requests: ClassVar[set[Any]] = set()  # those that uvicorn is at work on
    pipelining: ClassVar[set[object]] = set()  # clients that have sent a request before the answer to another
    draining: ClassVar[bool] = False  # whether the process ends soon, and connections with their next answer

    accepting: ClassVar[int] = 0  # sockets of clients that no connection has yet
    arrived: ClassVar[list[DirectCycle]] = []  # whose bodies were read in this turn of the loop

    def __init__(self, *given: Any, accept_more: bool = True, **named: Any) -> None:
        super().__init__(*given, **named)
        self._given, self._named, self._accept_more = given, named, accept_more
        Protocol.requests = self.tasks
        self._refusal: Refusal | AtOnce | None = None  # what is answered whatever the body is
        self._direct: DirectCycle | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, and those that wait behind it."""
        super().connection_made(transport)
        if not self._accept_more or self.listener is None:
            return
        room = self.most + SPARE // 2 - len(self.connections) - self.accepting
        for waiting in _accepted(self.listener, min(ACCEPTED_AT_ONCE, room)):
            Protocol.accepting += 1
            task = self.loop.create_task(self._accept(waiting))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    @classmethod
    def stop_listening(cls) -> list[socket.socket]:
        """Close the socket that connections wait in, and return those that waited."""
        if cls.listener is None:
            return []
        waiting = list(_accepted(cls.listener))
        cls.listener.close()
        cls.listener = None
        return waiting

    async def _accept(self, waiting: socket.socket) -> None:
        try:
            await connect(self._another, waiting, self.config.ssl)
        finally:
            Protocol.accepting -= 1

    def _another(self) -> "Protocol":
        return Protocol(*self._given, accept_more=False, **self._named)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self.pipelining.discard(self.client)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request; uvicorn's scope of it is made where one is needed."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self.begin()

    def on_headers_complete(self) -> None:
        """Refuse the request, begin it the short way, or let uvicorn do so."""
        self._refusal = self._direct = None
        if self.parser.should_upgrade() and self.is_for_another():
            return
        self.check_head()
        if self.cycle is not None and not self.cycle.response_complete:
            self.pipelining.add(self.client)
        elif not self.expect_100_continue:
            method = self.parser.get_method()
            if method == b"POST":
                self._refusal = self.refusals.find(self.url, self.headers)
            elif method == b"GET" and not self.draining:
                answer = self.at_once.get(self.url)
                self._refusal = answer if answer is not None and in_flight() >= answer.least else None
            if self._refusal is not None:
                self._began = time.monotonic()
            elif self.direct is not None and method == b"POST":
                keep = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
                self._direct = self.direct.take(self, self.url, self.headers, keep)
        if self._direct is not None:
            self.cycle = self._direct  # type: ignore[assignment]  # what comes behind it waits for it
        elif self._refusal is None:
            self._begin_usual()

    def _begin_usual(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope has this very list
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; of what is refused none is kept."""
        self.check_body(len(body))
        if self._direct is not None:
            self._direct.add(body)
        elif self._refusal is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer what has its body, and what is refused."""
        if self.parser.should_upgrade() and self.is_for_another():
            return
        self.end()
        if self._direct is not None:
            # All that has come in this turn is known before the first is begun, which else would seem to be alone.
            if not self.arrived:
                self.loop.call_soon(_begin_arrived)
            self.arrived.append(self._direct)
            self._direct = None
            return
        if self._refusal is None:
            super().on_message_complete()
            return
        keep = self.parser.should_keep_alive() and not self.draining
        self.transport.write(self._refusal.answer(self.headers, keep, self._began))
        self._refusal = None
        if not keep:
            self.transport.close()
            return
        self.rest()
        if self.flow.write_paused:  # whoever does not read is not read, until `resume_writing`
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        """Begin what has waited for this answer, or wait for the next request."""
        if self.pipeline or self._owed is not None or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.rest()


async def connect(
    make: Callable[[], asyncio.BaseProtocol],
    waiting: socket.socket,
    tls: ssl.SSLContext | None,
    handshake_s: float | None = None,
) -> None:
    """Make a connection of a socket that was accepted, with TLS where there is a context, or close it."""
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_accepted_socket(
            make, waiting, ssl=tls, ssl_handshake_timeout=None if tls is None else handshake_s
        )
    except OSError:  # the client has gone already, or speaks no TLS
        waiting.close()


def _accepted(listener: socket.socket, most: int | None = None) -> Iterator[socket.socket]:
    for _ in itertools.count() if most is None else range(most):
        try:
            waiting, _ = listener.accept()
        except OSError:  # there is none, or no file is left for it
            return
        waiting.setblocking(False)
        yield waiting


def _begin_arrived() -> None:
    cycles = Protocol.arrived[:]
    Protocol.arrived.clear()
    DirectCycle.under_way.update(cycles)
    for cycle in cycles:
        cycle.run()


def in_flight() -> int:
    """Return how many requests the process has in work: those that have come whole, and some whose headers are read."""
    return len(Protocol.requests) + len(DirectCycle.under_way)


def is_alone() -> bool:
    """Tell whether the process has one request in work, and no other whose headers are read."""
    return in_flight() == 1


def is_draining() -> bool:
    """Tell whether the process ends soon."""
    return Protocol.draining


def use(listener: socket.socket | None, refusals: Refusals, direct: Direct | None) -> None:
    """Let the uvicorn of this process speak so; BentoML chooses the protocol by its name "auto"."""
    Protocol.read_s = settings.read_s()
    Protocol.listener, Protocol.refusals, Protocol.direct = listener, refusals, direct
    Protocol.at_once = {} if direct is None else at_once(direct.prefix)
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:Protocol"
