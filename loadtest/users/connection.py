"""One keep-alive HTTP/1.1 connection that costs the load generator as little as Python allows.

CPU time a request against a server that does nothing (one core, Zen 4): this module 10 µs, geventhttpclient 54 µs, http.client 86 µs,
Locust's FastHttpUser 120 µs, Locust's HttpUser (requests) 1,060 µs. At answers of 500 µs the clients that Locust ships would measure themselves.
"""

import errno
import socket
import ssl
from functools import lru_cache
from time import perf_counter

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
        """Have a connection that the server has no reason to close ready, before the clock runs; a failure shows when it is used."""
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
            raise LoadTestError(f"{self._address} has a certificate that is not trusted ({error.verify_message}); {trust}") from error
        except OSError as error:
            self.close()
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise LoadTestError(f"the load generator cannot open another connection ({error.strerror}); raise its limit with 'ulimit -n 4096'") from error
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
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # otherwise a body in a second packet waits 40 ms for the ACK
        if self._address.tls:
            self._socket.settimeout(_left(deadline))
            self._socket = _trust().wrap_socket(self._socket, server_hostname=self._address.host)
        self._used = perf_counter()

    def _answer(self, sock: socket.socket, deadline: float) -> tuple[int, bytes]:
        data = b""
        while True:
            while (end := data.find(b"\r\n\r\n")) < 0:
                if len(data) > LARGEST_HEAD:
                    raise Dropped(f"no HTTP header within {LARGEST_HEAD:,} bytes")
                data += _receive(sock, deadline)
            head, data = data[:end].lower(), data[end + 4 :]
            if not (head.startswith(b"http/1.") and head[9:12].isdigit()):
                raise Dropped(f"not an HTTP/1.1 answer: {head[:40]!r}")
            status = int(head[9:12])
            if status >= 200:  # below are interim answers such as 100 Continue
                break
        if (length := _header(head, b"content-length")) is not None:
            if not length.isdigit():
                raise Dropped(f"content-length {length!r} is no number")
            body = _exactly(sock, data, int(length), deadline)
        elif _header(head, b"transfer-encoding") == b"chunked":
            body = _chunks(sock, data, deadline)
        elif status in (204, 304):
            body = b""
        else:
            body = _until_closed(sock, data, deadline)
            self.close()
        if _header(head, b"connection") == b"close":
            self.close()
        return status, body


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


def _left(deadline: float) -> float:
    """Return the seconds that remain: a socket's own timeout begins anew with every call, and a trickle would never end."""
    if (left := deadline - perf_counter()) <= 0:
        raise Late("the answer was not complete in time")
    return left


def _receive(sock: socket.socket, deadline: float) -> bytes:
    if data := _received(sock, deadline):
        return data
    raise Dropped("the server closed the connection before the answer was complete")


def _received(sock: socket.socket, deadline: float) -> bytes:
    sock.settimeout(_left(deadline))
    return sock.recv(BLOCK)


def _exactly(sock: socket.socket, data: bytes, length: int, deadline: float) -> bytes:
    if len(data) >= length:
        return data[:length]
    parts, missing = [data], length - len(data)
    while missing > 0:
        parts.append(_receive(sock, deadline))
        missing -= len(parts[-1])
    return b"".join(parts)[:length]


def _chunks(sock: socket.socket, data: bytes, deadline: float) -> bytes:
    body = []
    while True:
        while (end := data.find(b"\r\n")) < 0:
            data += _receive(sock, deadline)
        try:
            size = int(data[:end].split(b";")[0], 16)
        except ValueError as error:
            raise Dropped(f"not a chunk's length: {data[:end][:40]!r}") from error
        data = data[end + 2 :]
        while len(data) < size + 2:
            data += _receive(sock, deadline)
        body.append(data[:size])
        data = data[size + 2 :]
        if size == 0:
            return b"".join(body)


def _until_closed(sock: socket.socket, data: bytes, deadline: float) -> bytes:
    parts = [data]
    while part := _received(sock, deadline):
        parts.append(part)
    return b"".join(parts)
