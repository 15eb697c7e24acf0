"""One keep-alive HTTP/1.1 connection that costs the load generator as little as Python allows.

CPU time a request against a server that does nothing (one core, Zen 4): this module 10 µs, geventhttpclient 54 µs,
http.client 86 µs, Locust's FastHttpUser 120 µs, Locust's HttpUser (requests) 1,060 µs. At answers of 500 µs the clients
that Locust ships would measure themselves. Answers are parsed by httptools, whose callbacks cost 1 to 2 µs more than
finding the few headers by hand would.
"""

import errno
import socket
import ssl
from functools import lru_cache
from time import perf_counter

from httptools import HttpParserError, HttpResponseParser

from loadtest.errors import LoadTestError
from loadtest.users.address import Address

BLOCK = 65536
LARGEST_HEAD = 65536
IDLE_S = 2.0  # a server may close what was idle for longer (uvicorn after 5 s), just when the next request is sent


class Late(Exception):
    """No complete answer came within the time allowed."""


class Dropped(Exception):
    """The connection could not be opened, broke, or carried something that is not HTTP."""


@lru_cache(maxsize=1)  # reading the authorities' certificates takes longer than many an answer
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class Connection:
    """A socket that is opened at the first request and again after a failure; works with and without gevent."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._used = 0.0

    def refresh(self) -> None:
        """Have a connection that the server has no reason to close ready, before the clock runs; a failure shows when
        it is used.
        """
        if self._socket is not None and perf_counter() - self._used < IDLE_S:
            return
        self.close()
        try:
            self._open(perf_counter() + self._timeout)
        except (OSError, Late):
            self.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request and return status and body once the whole body is read."""
        deadline = perf_counter() + self._timeout
        try:
            if self._socket is None:
                self._open(deadline)
            assert self._socket is not None
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(request)
            answer = self._answer(self._socket, deadline)
            self._used = perf_counter()
            return answer
        except TimeoutError as error:
            self.close()
            raise Late(f"no complete answer within {self._timeout:g} s") from error
        except ssl.SSLCertVerificationError as error:
            self.close()
            trust = "name the file of an authority that vouches for it in SSL_CERT_FILE"
            raise LoadTestError(
                f"{self._address} has a certificate that is not trusted ({error.verify_message}); {trust}"
            ) from error
        except OSError as error:
            self.close()
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise LoadTestError(
                    f"the load generator cannot open another connection ({error.strerror}); raise its "
                    "limit with 'ulimit -n 4096'"
                ) from error
            raise Dropped(error.strerror or str(error)) from error
        except (Late, Dropped):
            self.close()
            raise

    def close(self) -> None:
        """Close the socket; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self, deadline: float) -> None:
        self._socket = socket.create_connection((self._address.host, self._address.port), _left(deadline))
        # otherwise a body in a second packet waits 40 ms for the ACK
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._address.tls:
            self._socket.settimeout(_left(deadline))
            self._socket = _trust().wrap_socket(self._socket, server_hostname=self._address.host)
        self._used = perf_counter()

    def _answer(self, sock: socket.socket, deadline: float) -> tuple[int, bytes]:
        answer, received = _Answer(), b""
        try:
            while not answer.complete:
                sock.settimeout(_left(deadline))
                data = sock.recv(BLOCK)
                if not data:
                    if not answer.ends_with_the_connection(received):
                        raise Dropped("the server closed the connection before the answer was complete")
                    break
                if not answer.began:
                    received += data
                    if len(received) > LARGEST_HEAD:
                        raise Dropped(f"no HTTP header within {LARGEST_HEAD:,} bytes")
                answer.feed(data)
        except HttpParserError as error:
            raise Dropped(f"not an HTTP/1.1 answer ({error}): {received[:40]!r}") from error
        if not answer.keep_alive:
            self.close()
        return answer.status, b"".join(answer.parts)


class _Answer:
    """What httptools' parser found in the bytes of one answer; its headers are not asked for, which would cost a call
    each.
    """

    def __init__(self) -> None:
        self.status, self.began, self.complete, self.keep_alive = 0, False, False, False
        self.parts: list[bytes] = []
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            if not self.complete:  # what follows a complete answer is nobody's
                raise

    def on_headers_complete(self) -> None:
        """Hear from the parser."""
        self.began = True

    def on_body(self, body: bytes) -> None:
        """Hear from the parser."""
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """Hear from the parser; below 200 are interim answers such as 100 Continue."""
        status = self._parser.get_status_code()
        if status >= 200 and not self.complete:
            self.status, self.complete, self.keep_alive = status, True, self._parser.should_keep_alive()
        elif not self.complete:
            self.began, self.parts = False, []

    def ends_with_the_connection(self, received: bytes) -> bool:
        """Say whether the end of the connection is the answer's: its head gave no other."""
        head = received.partition(b"\r\n\r\n")[0].lower()
        if not self.began or b"\r\ncontent-length:" in head or b"\r\ntransfer-encoding:" in head:
            return False
        self.status = self._parser.get_status_code()
        return True


def _left(deadline: float) -> float:
    """Return the seconds that remain: a socket's own timeout begins anew with every call, and a trickle would never
    end.
    """
    if (left := deadline - perf_counter()) <= 0:
        raise Late("the answer was not complete in time")
    return left
