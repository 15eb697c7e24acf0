"""A connection, whatever is asked on it: how long a client may take to send a request and to read an answer, how much
may stand around a body, what is not read at all, and how many connections a worker holds.

uvicorn waits for ever for a request that has begun, and for the first one; it keeps as many headers as come.
"""

import asyncio
import heapq
import resource
from typing import Any, ClassVar

import httptools
import psutil
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.routes.refused import Refused
from service.serving import metrics
from service.serving.body import too_large
from service.serving.settings import MAX_BODY, MAX_DRAINED

SLOWEST = 16 * 2**10  # bytes of a body that get their request a second more to come in
MOST_URL = 8 * 2**10  # bytes
MOST_HEADERS = 128
MOST_AROUND = 64 * 2**10  # bytes of headers, or of trailers in several pieces; chunks have lengths besides,
A_CHUNK = 8  # bytes for one of the body
TURN_S = 0.05  # in which what waits in a socket is read, however long the process was held up
LINGER_S = 2.0  # a refused client may still send, so that it gets to see the answer
SPARE = 64  # files beside connections: models, databases, a new build
COUNTED = "bonsai.counted"  # in a scope: that its request was refused and counted by its connection
NOT_HTTP = "the request is not what HTTP/1.1 has (RFC 9112); expected one that an HTTP client makes"


class Connection(HttpToolsProtocol):
    """One connection: its times and its limits."""

    most: ClassVar[int] = 2**20  # connections of this process
    read_s: ClassVar[float] = 20.0  # for a request to come

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._idle_since: float | None = None
        self._begun: float | None = None  # when the request began that is being read
        self._has_head = self._lingers = False  # was the request begun that is being read; was one refused
        self._owed: Refused | None = None  # the refusal of what stands behind a request that is still in work
        self._declared = self._body = self._around = self._drained = 0  # bytes
        self._hosts, self._codings = 0, b""
        self._unsent, self._stuck_s = 0, 0.0
        self._last_look: tuple[float | None, float | None] = (None, None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; where there are too many, end those that have been idle longest."""
        super().connection_made(transport)
        self._period = min(self.read_s, self.timeout_keep_alive)
        self._idle_since = self.loop.time()
        self.timeout_keep_alive_task = self.loop.call_later(self._period, self.timeout_keep_alive_handler)
        if len(self.connections) > self.most:
            _make_room(self.connections, self.most)

    def connection_lost(self, exc: Exception | None) -> None:
        """End its watch."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what has come; what is no request is refused."""
        idle_since, self._idle_since = self._idle_since, None
        if self._lingers:
            self._drained += len(data)
            if self._drained > MAX_DRAINED:
                self.transport.pause_reading()
            return
        begun, body = self._begun, self._body
        try:
            self._feed(data)
            if begun is not None and self._begun is begun:  # a piece of a request, and neither its first nor its last
                self._around += len(data) - (self._body - body)
                if self._around > MOST_AROUND + A_CHUNK * self._body:
                    raise _too_much(f"more than {MOST_AROUND >> 10} KiB of headers")
            if idle_since is not None and self._begun is None and self._is_still_idle():
                self._idle_since = idle_since
        except httptools.HttpParserError as error:
            self.refuse(_refusal(error.__context__))
        except Refused as refused:
            self.refuse(refused)

    def _is_still_idle(self) -> bool:
        """Tell whether what came was no request: line breaks between two, which would keep a connection for ever."""
        return self._idle_since is None and (self.cycle is None or self.cycle.response_complete)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        name, value = name.lower(), value.rstrip(b" \t")  # of which the parser takes that before it (RFC 9110, 5.5)
        if name == b"content-length":
            self._declared = int(value)
        elif name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._codings += b", " + value if self._codings else value
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = self.parser.get_http_version() != "1.0"  # which does not know it (10.1.1)
        self.headers.append((name, value))

    def begin(self) -> None:
        """Note that a request begins."""
        self._begun, self._has_head = self.loop.time(), False
        self._declared = self._body = self._around = 0
        self._hosts, self._codings = 0, b""

    def check_head(self) -> None:
        """Refuse a request for what its head says (Refused 400, 413, 414, 431): before its body is read."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refused(400, f"the request is of HTTP/{version}; expected HTTP/1.1")
        if self._hosts != 1 and (self._hosts or version == "1.1"):  # RFC 9112, 3.2
            raise Refused(400, f"the request has {self._hosts or 'no'} Host headers; expected one, as HTTP/1.1 has it")
        if self._codings and self._codings.lower() != b"chunked":
            coded = self._codings[:64].decode("latin-1")
            raise Refused(400, f"the request's Transfer-Encoding is '{coded}'; expected chunked alone, or none")
        if len(self.url) > MOST_URL:
            raise Refused(414, f"the path has {len(self.url)} bytes; expected at most {MOST_URL}")
        if len(self.headers) > MOST_HEADERS:
            raise _too_much(f"{len(self.headers)} headers")
        if sum(len(name) + len(value) for name, value in self.headers) > MOST_AROUND:
            raise _too_much(f"more than {MOST_AROUND >> 10} KiB of headers")
        if self._declared > (MAX_BODY if self.expect_100_continue else MAX_DRAINED):
            raise too_large()
        self._has_head = True

    def check_body(self, size: int) -> None:
        """Count bytes of a body (Refused 413 beyond what is read of any)."""
        self._body += size
        if self._body > MAX_DRAINED:
            raise too_large()

    def end(self) -> None:
        """Note that a request has come whole."""
        self._begun, self._has_head = None, False

    def rest(self) -> None:
        """Begin the time after which an idle connection is closed."""
        self._idle_since = self.loop.time()
        if self._begun is not None:  # the next request has waited for this answer
            self._begun = self._idle_since

    def refuse(self, refused: Refused) -> None:
        """Answer what is not read to its end, and close; the client may finish what it is about to send.

        The answers to what was asked before on this connection come first (RFC 9112, 9.3.2).
        """
        if self._lingers or self.transport.is_closing():
            return
        self._lingers = True
        cycle, is_queued = self.cycle, self._has_head and bool(self.pipeline)
        in_work = cycle is not None and not cycle.response_complete
        if is_queued:
            self.pipeline.popleft()  # uvicorn puts the last one there
        elif self._has_head:
            if not in_work:  # it was answered before its body had come, and has no second answer
                self._linger()
                return
            if getattr(cycle, "response_started", False):
                self.transport.abort()
                return
            cycle.disconnected = cycle.response_complete = True
            if isinstance(scope := getattr(cycle, "scope", None), dict):
                scope[COUNTED] = True
            cycle.message_event.set()
        metrics.observe("", "", refused.status, 0, 0.0 if self._begun is None else self.loop.time() - self._begun)
        if is_queued or self.pipeline or (in_work and not self._has_head):
            self._owed = refused
        else:
            self._write_last(refused)

    def on_response_complete(self) -> None:
        """Go on behind an answer, with what is owed where something is."""
        if self._owed is not None and not self.pipeline:
            self._write_last(self._owed)
        else:
            super().on_response_complete()

    def _write_last(self, refused: Refused) -> None:
        if self.transport.is_closing():  # the answer before was the last of its connection
            return
        fields = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(
            refused.body
        )
        self.transport.write(STATUS_LINE[refused.status] + fields + refused.body)
        self._linger()

    def _linger(self) -> None:
        if self.transport.is_closing():
            return
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_S, self._close)

    def is_for_another(self) -> bool:
        """Tell whether a request, whose headers are read, asks for another protocol: it is read again as one for this.

        What asks for a tunnel is not.
        """
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _feed(self, data: bytes | memoryview) -> None:
        """Parse what has come. Where a request asks for another protocol the parser takes its body for that: a parser
        that does not know of it (RFC 9110, 7.8) goes on.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                if not self.is_for_another():
                    self._stay()
                    return
                data = memoryview(data)[asked.args[0] :]
                self._begin_again()
            else:
                return

    def _begin_again(self) -> None:
        """Give a new parser the head of the present request without what it asks for; it began when it did."""
        begun, head = self._begun, [self.parser.get_method(), b" ", self.url, b" HTTP/"]
        head += (self.parser.get_http_version().encode(), b"\r\n")
        for name, value in self.headers:
            if name != b"upgrade":
                head += (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"".join((*head, b"\r\n")))
        if self._begun is not None:
            self._begun = begun

    def _stay(self) -> None:
        """Answer a request for a tunnel as any other, the last of its connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return False

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def resume_writing(self) -> None:
        """Go on: the client has read, whatever stands in the buffer since, and where nothing is in work it is read."""
        super().resume_writing()
        self._unsent = 0
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.flow.resume_reading()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle, or its client has read nothing, for the time that is kept; refuse a
        request that comes too slowly.
        """
        self.timeout_keep_alive_task = None
        unsent = self.transport.get_write_buffer_size()
        if self.transport.is_closing() and not unsent:
            return
        now, left = self.loop.time(), self._period
        self._stuck_s = self._stuck_s + self._period if unsent and unsent == self._unsent else 0.0
        self._unsent = unsent
        if self._stuck_s >= self.timeout_keep_alive:
            self.transport.abort()
            return
        if self._begun is not None:
            late = now >= self._begun + self.read_s + self._body / SLOWEST and not self._is_due()
            if late and not self._is_last_look():
                left = TURN_S
            elif late:
                self.refuse(Refused(408, f"the request has not come within {now - self._begun:.0f} s; send it at once"))
        elif self._idle_since is not None and not unsent:
            left = min(left, self._idle_since + self.timeout_keep_alive - now)
            if left <= 0 and self._is_last_look():
                self._close()
                return
            left = max(left, TURN_S)
        self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    def _is_last_look(self) -> bool:
        """Tell whether all that had come when time was up has been read since."""
        looked, self._last_look = self._last_look, (self._begun, self._idle_since)
        return looked == self._last_look

    def _is_due(self) -> bool:
        """Tell whether the answer to an earlier request is still to come."""
        return bool(self.pipeline) or (
            not self._has_head and self.cycle is not None and not self.cycle.response_complete
        )

    def _close(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()


def _refusal(problem: BaseException | None) -> Refused:
    """Return how a request is refused that could not be read: the parser hides what its callbacks raise."""
    if isinstance(problem, Refused):
        return problem
    if problem is None or isinstance(problem, ValueError | httptools.HttpParserError):
        return Refused(400, NOT_HTTP)
    return Refused(500, f"the service failed at reading the request ({type(problem).__name__}); send it again")


def _too_much(given: str) -> Refused:
    return Refused(431, f"the request has {given}; expected at most {MOST_HEADERS} of {MOST_AROUND >> 10} KiB together")


def _make_room(connections: set[Any], most: int) -> None:
    """End a sixteenth of the connections where there are more than `most`: those that have been idle longest, and those
    that send most slowly. Which were ended in this turn of the loop are still among them; which close and have an
    answer to send hold a file until it is read.
    """
    still_open = [
        each for each in connections if not each.transport.is_closing() or each.transport.get_write_buffer_size()
    ]
    if len(still_open) <= most:
        return
    waits = [
        each
        for each in still_open
        if (each._idle_since is not None or each._begun is not None) and not each.transport.is_closing()
    ]
    oldest = heapq.nsmallest(
        max(1, len(waits) // 16),
        waits,
        key=lambda each: (each._idle_since is None, each._idle_since or each._begun),
    )
    for each in oldest:
        each.transport.abort()


def most_connections() -> int:
    """Let this process open as many files as the machine lets it, and return how many may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft == resource.RLIM_INFINITY:
        return Connection.most
    return max(8, soft - int(psutil.Process().num_fds()) - SPARE)
