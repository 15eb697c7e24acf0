"""Many connections at once, and requests that come one behind another on one: a real service."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from service.routes.refused import Refused
from service.serving.at_once import MANY, at_once
from service.serving.protocol import Protocol
from service.serving.refusals import Refusal, Refusals

BODY = json.dumps({"texts": ["where is my parcel"]}).encode()


def request(path: str = "/int8/predict", body: bytes = BODY, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{extra}"
    return head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


@asynccontextmanager
async def connected(app: ASGIApp) -> AsyncIterator[tuple[Protocol, socket.socket]]:
    """A connection to an app in this process, and its client's socket; both wait a second at most."""
    config = Config(app, timeout_keep_alive=1, log_config=None)
    client, ours = socket.socketpair()
    client.setblocking(False)
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    make = partial(Protocol, config=config, server_state=ServerState(), app_state={})
    transport, protocol = await loop.connect_accepted_socket(make, ours)
    try:
        yield protocol, client
    finally:
        client.close()
        transport.abort()
        await asyncio.sleep(0)


async def wait_until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


def test_many_connections_at_once_are_all_answered(host: str) -> None:
    async def one(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        status, _, _ = await asyncio.wait_for(answer(reader), 60)
        writer.close()
        return status

    async def run() -> list[int]:
        return await asyncio.gather(*(one(urlsplit(host).port or 0) for _ in range(300)))

    assert asyncio.run(run()) == [200] * 300


def test_requests_one_behind_another_are_answered_in_their_order(host: str) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        paths = ["/int8/predict", "/teacher/predict", "/nope/predict", "/distilled/predict"] * 3
        writer.write(b"".join(request(path, extra=f"x-request-id: {number}\r\n") for number, path in enumerate(paths)))
        for number, path in enumerate(paths):
            status, headers, _ = await asyncio.wait_for(answer(reader), 60)
            assert (status, headers["x-request-id"]) == (404 if "nope" in path else 200, str(number))
        writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("extra", ["connection: close\r\n", "expect: 100-continue\r\n"])
def test_what_a_client_asks_of_the_connection_is_done(host: str, extra: str) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        writer.write(request(extra=extra))
        if "100" in extra:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        status, _, _ = await asyncio.wait_for(answer(reader), 60)
        assert status == 200
        if "close" in extra:
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()

    asyncio.run(run())


def test_bulk_requests_at_once_get_an_answer_each_and_leave_the_service_well(host: str) -> None:
    """Whether some are refused depends on the machine; what a full queue does, test_queue.py says."""
    port = urlsplit(host).port or 0
    bulk = json.dumps({"texts": ["where is my parcel " * 40] * 4096}).encode()
    hurried = "x-request-timeout-ms: 1000\r\n"  # what most of them would take is given up then

    async def one(body: bytes, extra: str = "") -> tuple[int, dict[str, str]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/teacher/predict", body, extra))
        status, headers, _ = await asyncio.wait_for(answer(reader), 60)
        writer.close()
        return status, headers

    async def run() -> None:
        found = await asyncio.gather(*(one(bulk, hurried if number % 3 else "") for number in range(12)))
        assert {status for status, _ in found} <= {200, 413, 429, 503}
        assert all(int(headers["retry-after"]) >= 1 for status, headers in found if status == 429)
        assert (await one(BODY))[0] == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "transfer-encoding: chunked\r\n",
        "x-server-timing: 1\r\n",
        "x-request-timeout-ms: 50000\r\n",
        "content-encoding: identity\r\n",
    ],
)
@pytest.mark.parametrize("cut", [0, 7])
def test_both_ways_give_the_same_answer(host: str, extra: str, cut: int) -> None:
    """A body in one piece or two, by its length or in chunks: the short way and the usual one."""

    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        if "chunked" in extra:
            head = request(body=b"", extra=extra + "x-request-id: 7\r\n").replace(b"content-length: 0\r\n", b"")
            writer.write(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        else:
            whole = request(extra=extra + "x-request-id: 7\r\n")
            writer.write(whole[: len(whole) - cut])
            await asyncio.sleep(0.02)
            writer.write(whole[len(whole) - cut :])
        status, headers, body = await asyncio.wait_for(answer(reader), 60)
        assert (status, headers["x-request-id"], headers["content-type"]) == (200, "7", "application/json")
        assert json.loads(body)["request_id"] == "7"
        assert len(json.loads(body)["predictions"]) == 1
        assert ("server-timing" in headers) == ("timing" in extra)
        writer.close()

    asyncio.run(run())


def test_a_client_that_does_not_read_is_not_written_to_for_ever(host: str) -> None:
    body = json.dumps({"texts": ["a"] * 1000, "top_k": 4}).encode()

    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0, limit=2**14)
        count = 60
        writer.write(request(body=body) * count)
        await asyncio.sleep(0.5)
        for _ in range(count):
            status, _, given = await asyncio.wait_for(answer(reader), 60)
            assert (status, len(json.loads(given)["predictions"])) == (200, 1000)
        writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
@pytest.mark.parametrize("extra", ["", "connection: close\r\n", "content-length: 3\r\n"])
def test_health_is_told_at_once_and_as_bentoml_tells_it(host: str, path: str, extra: str) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        more = "abc" if "length" in extra else ""
        found = []
        for url in (path, f"{path}?"):  # the second goes the usual way
            writer.write(f"GET {url} HTTP/1.1\r\nhost: x\r\n{extra}\r\n{more}".encode())
            status, headers, body = await asyncio.wait_for(answer(reader), 60)
            found.append((status, headers["content-type"], headers.get("connection"), body))
            if "close" in extra:
                assert await asyncio.wait_for(reader.read(), 20) == b""
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        assert found[0] == found[1]
        writer.write(request())  # the connection is as it was
        assert (await asyncio.wait_for(answer(reader), 60))[0] == 200
        writer.close()

    asyncio.run(run())


async def answers(*paths: str) -> list[tuple[int, dict[str, str], bytes]]:
    """What an app in this process, which never ends a request, answers to these while many are in work."""

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/never":
            await echo(scope, receive, send)
        await asyncio.Event().wait()

    async with connected(never) as (protocol, client):
        protocol.tasks.update(asyncio.create_task(asyncio.sleep(20)) for _ in range(MANY))
        reader, writer = await asyncio.open_connection(sock=client)
        found = []
        for path in paths:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            found.append(await asyncio.wait_for(answer(reader), 10))
        writer.close()
        for task in list(protocol.tasks):
            task.cancel()
    return found


def test_metrics_are_told_at_once_where_much_is_in_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))  # of workers, of which there are none
    monkeypatch.setattr(Protocol, "at_once", at_once("/a"))
    (status, headers, body), (_, _, usual) = uvloop.run(answers("/a/metrics", "/metrics"))
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert (body, usual) == (b"", b"GET ")


def test_metrics_are_whole_whatever_is_in_work(host: str) -> None:
    bulk = json.dumps({"texts": ["where is my parcel"] * 1000}).encode()

    async def run() -> None:
        port = urlsplit(host).port or 0
        busy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * MANY)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in (True, False):
            for _, bulks in busy if each else ():
                bulks.write(request(body=bulk))
            await asyncio.sleep(0.1)
            writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            status, _, said = await asyncio.wait_for(answer(reader), 60)
            assert status == 200
            assert b"# TYPE bonsai_requests_total counter" in said
            for bulk_reader, bulks in busy if each else ():
                await asyncio.wait_for(answer(bulk_reader), 60)
                bulks.close()
        writer.close()

    asyncio.run(run())


def test_a_process_that_ends_says_nothing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "at_once", at_once(""))
    monkeypatch.setattr(Protocol, "draining", True)
    assert [body for _, _, body in uvloop.run(answers("/readyz"))] == [b"GET "]


H2C = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"


@pytest.mark.parametrize("length", [1, 50, 10**6], ids=["by bytes", "in pieces", "at once"])
@pytest.mark.parametrize("chunked", [False, True], ids=["by its length", "in chunks"])
def test_a_request_that_offers_another_protocol_keeps_its_body(length: int, *, chunked: bool) -> None:
    """As Java's client and `curl --http2` send all their first requests; two of them, and one without behind them."""
    whole = request("/echo", b"abc", H2C)
    if chunked:
        whole = whole.replace(b"content-length: 3", b"transfer-encoding: chunked").replace(
            b"abc", b"3\r\nabc\r\n0\r\n\r\n"
        )
    get = f"GET /none HTTP/1.1\r\nhost: x\r\n{H2C}\r\n".encode()
    sent = whole + get + whole + request("/echo", b"def")

    async def run() -> list[tuple[int, bytes]]:
        async with connected(echo) as (_, client):
            reader, writer = await asyncio.open_connection(sock=client)
            for place in range(0, len(sent), length):
                writer.write(sent[place : place + length])
                if place % 50 == 0:
                    await asyncio.sleep(0)
            found = [await asyncio.wait_for(answer(reader), 10) for _ in range(4)]
            writer.close()
        return [(status, body) for status, _, body in found]

    assert uvloop.run(run()) == [(200, body) for body in (b"POST abc", b"GET ", b"POST abc", b"POST def")]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a request's method and body."""
    asked = Request(scope, receive)
    await Response(asked.method.encode() + b" " + await asked.body())(scope, receive, send)


def test_another_protocol_is_offered_on_the_short_way_too(host: str) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        for _ in range(2):
            writer.write(request(extra=H2C))
            status, headers, body = await asyncio.wait_for(answer(reader), 60)
            assert (status, len(json.loads(body)["predictions"])) == (200, 1)
            if headers.get("connection") == "close":  # this worker has more than its share
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        writer.close()

    asyncio.run(run())


def refusing(monkeypatch: pytest.MonkeyPatch, path: bytes) -> None:
    """Let this process's connections tell that they live, and refuse a path's requests."""
    refusals = Refusals()
    refusals.add(
        path, Refusal(Refused(429, "too much", Retry_After="2"), lambda more, characters: True, lambda seconds: None)
    )
    monkeypatch.setattr(Protocol, "refusals", refusals)
    monkeypatch.setattr(Protocol, "at_once", at_once(""))


@pytest.mark.parametrize("asked", [b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", request("/full", b"")])
@pytest.mark.parametrize("reads", [True, False])
def test_what_is_answered_at_once_waits_for_its_reader(
    asked: bytes, monkeypatch: pytest.MonkeyPatch, *, reads: bool
) -> None:
    """Who reads nothing is not read and then closed, and who reads later is answered all."""
    refusing(monkeypatch, b"/full")
    count = 100_000

    async def run() -> None:
        async with connected(echo) as (protocol, client):
            sending = asyncio.create_task(protocol.loop.sock_sendall(client, asked * count))
            await wait_until(lambda: protocol.flow.read_paused)
            assert protocol.transport.get_write_buffer_size() < 2**21
            assert not sending.done()
            if reads:
                found = 0
                while found < count:
                    found += (await protocol.loop.sock_recv(client, 2**20)).count(b"HTTP/1.1 ")
                await sending
                assert protocol.connections
            else:
                await wait_until(lambda: not protocol.connections)
                with suppress(ConnectionError):
                    await sending

    uvloop.run(run())


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE", "GET"])
def test_only_what_is_to_be_predicted_is_refused_unread(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, b"/full")

    async def run() -> bytes:
        async with connected(echo) as (protocol, client):
            fields = "host: x\r\ncontent-length: 0\r\n"
            both = f"{method} /full HTTP/1.1\r\n{fields}\r\nGET /none HTTP/1.1\r\n{fields}connection: close\r\n\r\n"
            await protocol.loop.sock_sendall(client, both.encode())
            said = b""
            while piece := await protocol.loop.sock_recv(client, 2**16):
                said += piece
            return said

    said = uvloop.run(run())
    assert (b" 429 " in said) == (method == "POST")
    assert said.startswith(b"HTTP/1.1 429" if method == "POST" else b"HTTP/1.1 200")
    assert said.endswith(b"GET ")
    assert said.count(b"\r\n\r\nHTTP/1.1 200") == (method == "HEAD")  # whose answer has no body
