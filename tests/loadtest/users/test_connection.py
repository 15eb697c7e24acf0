import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.users.address import Address, get, post
from loadtest.users.connection import Connection, Dropped, Late, _trust

Serve = Callable[..., Address]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve prepared bytes, one entry a request; a connection ends after its last entry."""
    listeners: list[socket.socket] = []

    def start(*connections: list[bytes]) -> Address:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            for answers in connections:
                accepted, _ = listener.accept()
                with accepted:
                    for answer in answers:
                        asked = b""
                        while b"\r\n\r\n" not in asked:
                            asked += accepted.recv(65536)
                        accepted.sendall(answer)

        threading.Thread(target=work, daemon=True).start()
        return Address("127.0.0.1", listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def ask(address: Address, times: int = 1) -> list[tuple[int, bytes]]:
    connection = Connection(address, 30.0)
    try:
        return [connection.ask(get(address, "/")) for _ in range(times)]
    finally:
        connection.close()


def test_reads_a_body_by_its_length_and_keeps_the_connection(serve: Serve) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert ask(serve([answer, answer]), 2) == [(200, b"hello")] * 2


def test_reads_a_body_larger_than_one_packet(serve: Serve) -> None:
    body = bytes(range(256)) * 4000
    assert ask(serve([b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body])) == [(200, body)]


def test_reads_chunks(serve: Serve) -> None:
    assert ask(
        serve([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"])
    ) == [(200, b"hello world")]


def test_reads_a_body_that_ends_with_the_connection(serve: Serve) -> None:
    assert ask(serve([b"HTTP/1.0 500 No\r\n\r\nsorry"])) == [(500, b"sorry")]


def test_skips_interim_answers(serve: Serve) -> None:
    assert ask(serve([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\n"])) == [(204, b"")]


def test_opens_a_new_connection_after_the_server_said_close(serve: Serve) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
    assert ask(serve([last], [last]), 2) == [(200, b"a")] * 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"220 SMTP ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_drop_and_the_next_one_is_read(serve: Serve, answer: bytes) -> None:
    address = serve([answer], [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    connection = Connection(address, 30.0)
    with pytest.raises(Dropped):
        connection.ask(get(address, "/"))
    assert connection.ask(get(address, "/")) == (200, b"")
    connection.close()


def test_nobody_listening_is_a_drop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Dropped):
        Connection(Address("127.0.0.1", port), 30.0).ask(b"")


def test_silence_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(Late):
            Connection(address, 0.1).ask(get(address, "/"))


def test_a_trickle_is_late_although_every_byte_comes_in_time(start_server: Callable[..., str]) -> None:
    address = Address.parse(start_server(trickle=0.02))
    with pytest.raises(Late):
        Connection(address, 0.2).ask(get(address, "/variants"))


def test_requests_are_what_http_asks_for() -> None:
    address = Address.parse("http://[::1]:3000/bonsai/")
    assert post(address, "/int8/predict", b"{}").startswith(
        b"POST /bonsai/int8/predict HTTP/1.1\r\nHost: [::1]:3000\r\n"
    )
    assert post(address, "/int8/predict", b"{}").endswith(b"Content-Length: 2\r\n\r\n{}")
    assert get(address, "/variants").endswith(b"\r\n\r\n")


def test_addresses() -> None:
    assert Address.parse("localhost:3000") == Address("localhost", 3000)
    assert str(Address.parse("http://example.org/a/")) == "http://example.org:80/a"
    assert Address.parse("localhost:3000/a@b") == Address("localhost", 3000, "/a@b")
    assert Address.parse("http://[FE80::1%25eth0]").host == "fe80::1%25eth0"
    for wrong in (
        *("", "ftp://x", "http://", "http://x:port", "http://x:99999", "http://x?y=1"),
        *("mailto:a@b", "http://x;y", "http://x|y"),
    ):
        with pytest.raises(LoadTestError, match="expected one like"):
            Address.parse(wrong)
    for bare in ("::1", "::1:3000", "http://2001:db8::1/a"):
        with pytest.raises(LoadTestError, match=r"stands in brackets, as in http://\[::1\]:3000"):
            Address.parse(bare)


def test_an_address_with_a_login_shows_it_to_nobody_but_the_service() -> None:
    address = Address.parse("http://me:p%40ss%3Aw@example.org:3000/a")
    assert address == Address("example.org", 3000, "/a", login="me:p@ss:w")
    assert "p@ss" not in str(address) + repr(address)
    assert "p%40ss" not in str(address)
    assert Address.parse(address.url) == address
    assert b"\r\nAuthorization: Basic bWU6cEBzczp3\r\n" in get(address, "/variants")
    assert b"Host: example.org:3000\r\n" in get(address, "/variants")
    assert Address.parse("http://me@example.org").login == "me:"
    with pytest.raises(LoadTestError) as refused:
        Address.parse("ftp://me:secret@example.org")
    assert "secret" not in str(refused.value)


def test_https_has_its_own_port_and_no_address_has_other_signs_than_ascii() -> None:
    assert Address.parse("https://example.org") == Address("example.org", 443, tls=True)
    assert str(Address.parse("https://example.org:3000/x")) == "https://example.org:3000/x"
    for wrong in ("http://exämple.org", "http://example.org/a b", "http://example.org/a\r\nX: y"):
        with pytest.raises(LoadTestError, match="expected one like"):
            Address.parse(wrong)


@pytest.fixture
def https_server(start_server: Callable[..., str], certificate: Path) -> str:
    """The address of a server that has it."""
    return start_server(certificate=str(certificate)).replace("http://", "https://")


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trust it, as SSL_CERT_FILE does."""
    _trust.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield
    _trust.cache_clear()


@pytest.mark.usefixtures("trusted")
def test_https_is_spoken_with_whom_an_authority_vouches_for(https_server: str) -> None:
    address = Address.parse(https_server)
    connection = Connection(address, 30.0)
    for _ in range(3):
        status, body = connection.ask(get(address, "/variants"))
        assert (status, b"teacher" in body) == (200, True)
    connection.close()


def test_a_certificate_that_is_not_trusted_is_no_fault_of_the_service(https_server: str) -> None:
    _trust.cache_clear()
    address = Address.parse(https_server)
    with pytest.raises(LoadTestError, match=r"has a certificate that is not trusted .*SSL_CERT_FILE"):
        Connection(address, 30.0).ask(get(address, "/variants"))


def test_https_to_a_server_without_it_is_no_answer(good_server: str) -> None:
    address = Address.parse(good_server.replace("http://", "https://"))
    with pytest.raises((Dropped, Late)):
        Connection(address, 0.5).ask(get(address, "/variants"))


def test_no_file_left_is_the_generators_fault(good_server: str) -> None:
    address = Address.parse(good_server)
    limit, taken = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[0], 256), limit[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.dup(0))
        with pytest.raises(LoadTestError, match="the load generator cannot open another connection"):
            Connection(address, 30.0).ask(get(address, "/variants"))
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_a_connection_that_was_idle_for_long_is_opened_anew(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    monkeypatch.setattr("loadtest.users.connection.IDLE_S", 1e9)
    connection = Connection(serve([answer, answer], [answer]), 30.0)
    connection.refresh()
    request = get(Address("127.0.0.1", 1), "/")
    assert connection.ask(request) == (200, b"a")
    connection.refresh()
    assert connection.ask(request) == (200, b"a")  # the same one: the server closes it now
    monkeypatch.setattr("loadtest.users.connection.IDLE_S", 0.0)
    connection.refresh()
    assert connection.ask(request) == (200, b"a")
    connection.close()


def test_refreshing_towards_nobody_shows_when_it_is_used() -> None:
    connection = Connection(Address("127.0.0.1", 1), 30.0)
    connection.refresh()
    with pytest.raises(Dropped):
        connection.ask(get(Address("127.0.0.1", 1), "/"))


@pytest.mark.parametrize("host", ["http://a..b:3000", f"http://{'a' * 64}.org", "http://localhost:0"])
def test_a_host_that_no_socket_could_open_is_refused(host: str) -> None:
    with pytest.raises(LoadTestError, match="is no address"):
        Address.parse(host)


@pytest.mark.parametrize("sign", "/?#")
def test_no_piece_of_a_password_is_shown(sign: str) -> None:
    with pytest.raises(LoadTestError) as refused:
        Address.parse(f"http://bob:hunter2{sign}secret@localhost:3000")
    assert "hunter2" not in str(refused.value) and "secret" not in str(refused.value)
    assert "%2F" in str(refused.value)
