"""The short way of a short prediction: from uvicorn's parser to the front and back, without ASGI between them.

A scope, two messages and their checks take as long as a small model does. What is taken this way arrives whole and
is small; everything else goes the usual way, and both end in the same `Front.answer`.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.routes.assigned import predict_assigned
from service.routes.exchange import Answer, Request
from service.routes.predict import predict
from service.routes.table import JSON, find
from service.serving.front import NO_ANSWER, WANTED_HEADERS, Front

MOST_BYTES = 64 * 2**10  # of a body
UNUSUAL = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))
SHORT = (predict, predict_assigned)
Headers = Sequence[tuple[bytes, bytes]]


class Connection(Protocol):
    """What a cycle needs of uvicorn's protocol."""

    transport: asyncio.Transport
    client: tuple[str, int] | None
    server_state: Any
    flow: FlowControl

    def on_response_complete(self) -> None: ...


class DirectCycle:
    """One request and its answer; uvicorn reads and sets the first four."""

    __slots__ = (
        "_body",
        "_connection",
        "_front",
        "_path",
        "_request",
        "_url",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )  # fmt: skip

    def __init__(
        self, front: Front, connection: Connection, url: bytes, path: str, request: Request, keep_alive: bool
    ) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive, self.message_event = keep_alive, asyncio.Event()
        self._front, self._connection, self._url, self._path = front, connection, url, path
        self._request, self._body = request, b""

    def add(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body = self._body + body if self._body else body

    async def run(self) -> None:
        """Answer."""
        request, front = self._request, self._front
        request.body, request.gone = self._body, self._gone
        answer = await front.answer(self._path, self._url, request, None)
        if self._connection.flow.write_paused:  # a client that does not read waits, and so does what it asks for next
            await self._connection.flow.drain()
        if answer.status != NO_ANSWER and not self.disconnected:
            self._write(request, answer)

    async def _gone(self) -> None:
        """Return when the client has gone."""
        await self.message_event.wait()

    def _write(self, request: Request, answer: Answer) -> None:
        connection = self._connection
        parts = [STATUS_LINE[answer.status]]
        for name, value in (
            *connection.server_state.default_headers,
            *self._front.fields(request, answer, connection.client),
        ):
            parts += (name, b": ", value, b"\r\n")
            if name == b"connection":
                self.keep_alive = False
        if not self.keep_alive and parts[-2] != b"close":
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", answer.body)
        connection.transport.write(b"".join(parts))
        self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


class Direct:
    """Tells which requests are taken this way."""

    def __init__(self, front: Front, prefix: str) -> None:
        self._front = front
        self._path_of = lru_cache(maxsize=256)(lambda url: _path(url, prefix))

    def take(self, connection: Connection, url: bytes, headers: Headers, keep_alive: bool) -> DirectCycle | None:
        """Return the cycle of a POST whose headers are read, if it is to be taken this way."""
        path = self._path_of(url)
        if path is None:
            return None
        wanted, asked = dict[bytes, bytes](), self._front.wanted
        for name, value in headers:
            if name in WANTED_HEADERS or name in asked:
                wanted[name] = value
            if name in UNUSUAL:
                return None
        length = wanted.get(b"content-length", b"")
        media_type = wanted.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if not (length.isdigit() and len(length) < 8 and int(length) <= MOST_BYTES) or media_type not in JSON:
            return None
        return DirectCycle(self._front, connection, url, path, self._front.begin("POST", wanted), keep_alive)


def _path(url: bytes, prefix: str) -> str | None:
    """Return the path of a URL that leads to a prediction, plainly written."""
    path = url.decode("latin-1")
    if not path.isascii() or "%" in path or "?" in path or not path.startswith(f"{prefix}/"):
        return None
    route = find(path.removeprefix(prefix))
    return path if route is not None and route.handlers.get("POST") in SHORT else None
