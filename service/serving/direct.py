"""The short way of a short prediction: from uvicorn's parser to the front and back, without ASGI between them.

A scope, two messages and their checks take as long as a small model does. What is taken this way arrives whole and
is small; everything else goes the usual way, and both end in the same `Front.answer`.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from models.runtime.traces import log_failure
from service.routes.assigned import predict_assigned
from service.routes.exchange import Answer, Request
from service.routes.predict import predict
from service.routes.table import JSON, find
from service.serving.front import NO_ANSWER, Front, read_headers

MOST_BYTES = 64 * 2**10  # of a body
UNUSUAL = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))
SHORT = (predict, predict_assigned)
Headers = Sequence[tuple[bytes, bytes]]

logger = logging.getLogger("bentoml.bonsai")


class Connection(Protocol):
    """What a cycle needs of uvicorn's protocol."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    client: tuple[str, int] | None
    server_state: Any
    flow: FlowControl

    def on_response_complete(self) -> None: ...


class DirectCycle:
    """One request and its answer; uvicorn reads and sets the first four.

    The coroutine that answers is no task: it is sent on by what it waits for.
    So nothing in it may ask for the present task, as `asyncio.timeout` does.
    """

    __slots__ = (
        "_answering",
        "_body",
        "_connection",
        "_front",
        "_left",
        "_path",
        "_request",
        "_url",
        "disconnected",
        "keep_alive",
        "response_complete",
    )  # fmt: skip
    under_way: ClassVar[set["DirectCycle"]] = set()  # those that have come whole and are not answered

    def __init__(
        self, front: Front, connection: Connection, url: bytes, path: str, request: Request, keep_alive: bool
    ) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = keep_alive
        self._front, self._connection, self._url, self._path = front, connection, url, path
        self._request, self._body = request, b""
        self._left: asyncio.Future[None] | None = None  # made for those who wait for the client to leave

    @property
    def message_event(self) -> "DirectCycle":
        """What uvicorn sets when the client has left."""
        return self

    def set(self) -> None:
        """Note that the client has left."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    def add(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body = self._body + body if self._body else body

    def run(self) -> None:
        """Answer; at once, or when what the answer waits for is there."""
        request = self._request
        request.body, request.gone = self._body, self._gone
        self._answering: Coroutine[Any, Any, Answer] = self._front.answer(self._path, self._url, request, None)
        self._go_on()

    def _go_on(self, _: object = None) -> None:
        try:
            waits_for = self._answering.send(None)
        except StopIteration as returned:
            self.under_way.discard(self)
            self._answered(returned.value)
        except BaseException as problem:  # of which `Front.answer` lets none through
            self.under_way.discard(self)
            log_failure(logger, problem, "request %s failed", self._request.id)
            self._connection.transport.close()
        else:
            if waits_for is None:
                self._connection.loop.call_soon(self._go_on)
            else:
                waits_for._asyncio_future_blocking = False  # what a task does to say that it waits
                waits_for.add_done_callback(self._go_on)

    def _answered(self, answer: Answer) -> None:
        if self._connection.flow.write_paused:
            waiting = self._connection.loop.create_task(self._write_later(answer))
            self._connection.server_state.tasks.add(waiting)
            waiting.add_done_callback(self._connection.server_state.tasks.discard)
        else:
            self._write(answer)

    async def _write_later(self, answer: Answer) -> None:
        """Write to a client that does not read when it does; what it asks for next waits, too."""
        await self._connection.flow.drain()
        self._write(answer)

    async def _gone(self) -> None:
        """Return when the client has gone."""
        if not self.disconnected:
            self._left = self._connection.loop.create_future()
            await self._left

    def _write(self, answer: Answer) -> None:
        if answer.status == NO_ANSWER or self.disconnected:
            return
        connection, request = self._connection, self._request
        parts = [
            STATUS_LINE[answer.status],
            *_lines(connection.server_state.default_headers),
            b"content-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\n"
            % (answer.media_type.encode(), len(answer.body), request.id.encode()),
        ]
        for name, value in self._front.more_fields(request, answer, connection.client):
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
        self._front, self.prefix = front, prefix
        self._path_of = lru_cache(maxsize=256)(lambda url: _path(url, prefix))

    def take(self, connection: Connection, url: bytes, headers: Headers, keep_alive: bool) -> DirectCycle | None:
        """Return the cycle of a POST whose headers are read, if it is to be taken this way."""
        path = self._path_of(url)
        if path is None:
            return None
        for name, _ in headers:
            if name in UNUSUAL:
                return None
        wanted = read_headers(headers, self._front.wanted)
        length = wanted.get(b"content-length", "")
        if not (length.isdecimal() and len(length) < 8 and int(length) <= MOST_BYTES):
            return None
        if not _is_json(wanted.get(b"content-type", "")):
            return None
        return DirectCycle(self._front, connection, url, path, self._front.begin("POST", wanted), keep_alive)


def _lines(headers: Headers) -> Iterator[bytes]:
    for name, value in headers:
        yield b"%s: %s\r\n" % (name, value)


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in JSON


def _path(url: bytes, prefix: str) -> str | None:
    """Return the path of a URL that leads to a prediction, plainly written."""
    path = url.decode("latin-1")
    if not path.isascii() or "%" in path or "?" in path or not path.startswith(f"{prefix}/"):
        return None
    route = find(path.removeprefix(prefix))
    return path if route is not None and route.handlers.get("POST") in SHORT else None
