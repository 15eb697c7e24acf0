"""What clients may do to a connection, and what is done to them: a real server of one worker and short times."""

import asyncio
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import uvloop
from starlette.responses import Response

from service.serving.connection import MOST_AROUND, MOST_HEADERS, MOST_URL, SLOWEST
from tests.service.conftest import PATIENT, ROOT, started
from tests.service.serving.test_operation import held_up
from tests.service.serving.test_protocol import answer, connected, request, wait_until

HEAD = b"POST /int8/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
MEGABYTE = b"x" * 2**20
LARGE = Response(MEGABYTE * 8)
FILES = 300


@pytest.fixture(scope="module")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Process]]:
    """A service that may open few files, closes idle connections after two seconds, and waits one for a request; and
    its worker.
    """
    folder = tmp_path_factory.mktemp("patient")
    settings = {
        "BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "1", "BONSAI_KEEP_ALIVE_S": "2", "BONSAI_READ_S": "1",
        **PATIENT,
    }  # fmt: skip
    limited = folder / "bentoml"
    bentoml = Path(sys.executable).with_name("bentoml")
    limited.write_text(f'#!/bin/sh\nulimit -n {FILES}\nexec "{bentoml}" "$@"\n')
    limited.chmod(0o755)
    with started("service.service:bonsai", ROOT, settings, limited, folder / "log.txt") as (address, supervisor):
        (worker,) = psutil.Process(supervisor.pid).children()
        yield address, worker


@pytest.fixture
def patient(server: tuple[str, psutil.Process]) -> str:
    """Its address."""
    return server[0]


def told(host: str, *pieces: bytes, pause: float = 0.0) -> tuple[int, dict[str, str], Any, float]:
    """Send pieces and return the answer, with the seconds until the connection was closed."""

    async def send(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

    async def run() -> tuple[int, dict[str, str], Any, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(host).port or 0)
        began = time.monotonic()
        sending = asyncio.create_task(send(writer))
        status, headers, body = await asyncio.wait_for(answer(reader), 30)
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 30)
        sending.cancel()
        await close(writer)
        return status, headers, json.loads(body), time.monotonic() - began

    return asyncio.run(run())


async def close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
    for writer in writers:
        with suppress(OSError):
            await writer.wait_closed()


def is_well(host: str) -> bool:
    status, _, body, _ = told(host, request(extra="connection: close\r\n"))
    return status == 200 and len(body["predictions"]) == 1


@pytest.mark.parametrize(
    ("status", "pieces"),
    [
        (400, [b"no http at all\r\n\r\n"]),
        (400, [HEAD + b"content-length: 99999999999999999999999\r\n\r\n"]),
        (400, [HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc"]),
        (400, [HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"]),
        (400, [HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"]),
        (400, [HEAD + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"]),
        (400, [b"GET /livez HTTP/1.1\r\n\r\n"]),
        (400, [b"GET /livez HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n"]),
        (400, [b"GET /livez HTTP/2.0\r\nhost: x\r\n\r\n"]),
        (413, [HEAD + b"content-length: %d\r\n\r\n" % 2**30]),
        (413, [HEAD + b"content-length: %d\r\n\r\n" % 2**30, *[MEGABYTE] * 70]),
        (413, [HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (9 * 2**20)]),
        (413, [HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"100000\r\n" + MEGABYTE + b"\r\n"] * 80]),
        (414, [b"GET /" + b"a" * (MOST_URL + 1) + b" HTTP/1.1\r\nhost: x\r\n\r\n"]),
        (404, [HEAD.replace(b"int8", b"nope") + b"expect: 100-continue\r\ncontent-length: 16\r\n\r\n"]),
        (415, [HEAD.replace(b"json", b"xml") + b"expect: 100-continue\r\ncontent-length: 16\r\n\r\n"]),
        (415, [HEAD + b"content-encoding: gzip\r\nexpect: 100-continue\r\ncontent-length: 16\r\n\r\n"]),
        (431, [HEAD + b"x: y\r\n" * MOST_HEADERS + b"\r\n"]),
        (431, [HEAD + b"content-length: 0\r\nx: " + b"y" * MOST_AROUND + b"\r\n\r\n"]),
        (431, [HEAD, *[b"x: " + b"y" * 1000 + b"\r\n"] * 2000]),
        (431, [HEAD + b"x: ", *[MEGABYTE] * 20]),
        (431, [HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 2000]),
        (431, [HEAD + b"transfer-encoding: chunked\r\n\r\n1;x=", *[MEGABYTE] * 20]),
    ],
    ids=lambda value: value if isinstance(value, int) else value[0][-40:].decode()[:40].replace("\r\n", " "),
)
def test_what_is_no_request_is_refused_before_it_is_read(patient: str, status: int, pieces: list[bytes]) -> None:
    said, headers, body, _ = told(patient, *pieces)
    assert (said, headers["connection"], headers["content-type"]) == (status, "close", "application/json")
    assert len(body["error"]) < 200
    assert is_well(patient)


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["at once", "behind"])
@pytest.mark.parametrize("before", [["int8"], ["teacher", "nope", "int8"]], ids=len)
@pytest.mark.parametrize(
    ("status", "refused"),
    [
        (400, b"no http at all\r\n\r\n"),
        (400, b"GET /livez HTTP/1.1\r\n\r\n"),
        (400, b"GET /livez HTTP/2.0\r\nhost: x\r\n\r\n"),
        (400, HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"),
        (413, HEAD + b"content-length: %d\r\n\r\n" % 2**30),
        (414, b"GET /" + b"a" * (MOST_URL + 1) + b" HTTP/1.1\r\nhost: x\r\n\r\n"),
        (431, HEAD + b"x: y\r\n" * MOST_HEADERS + b"\r\n"),
    ],
)
def test_what_was_asked_before_is_answered_before_a_refusal(
    patient: str, status: int, refused: bytes, before: list[str], pause: float
) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0)
        for number, name in enumerate(before):
            writer.write(request(f"/{name}/predict", extra=f"x-request-id: {number}\r\n"))
        await asyncio.sleep(pause)
        writer.write(refused)
        for number, name in enumerate(before):
            said, headers, _ = await asyncio.wait_for(answer(reader), 60)
            assert (said, headers["x-request-id"]) == (404 if name == "nope" else 200, str(number))
        said, headers, _ = await asyncio.wait_for(answer(reader), 60)
        assert (said, headers["connection"]) == (status, "close")
        assert await asyncio.wait_for(reader.read(), 60) == b""
        await close(writer)

    asyncio.run(run())
    assert is_well(patient)


@pytest.mark.parametrize(
    ("status", "pieces"),
    [
        ("400", [HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"]),
        ("408", [HEAD.replace(b"/int8/predict", b"/v1/models/int8:predict") + b"content-length: 9\r\n\r\n"]),
        ("413", [HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"100000\r\n" + MEGABYTE + b"\r\n"] * 80]),
    ],
)
def test_a_refusal_is_counted_once_and_with_its_time(patient: str, status: str, pieces: list[bytes]) -> None:
    def counted() -> tuple[dict[str, float], float]:
        with urllib.request.urlopen(f"{patient}/metrics", timeout=600) as said:
            lines = [line for line in said.read().decode().splitlines() if line.startswith("bonsai_request")]
        nameless = [line for line in lines if 'variant=""' in line]
        requests = {
            found[1]: float(line.split()[1]) for line in lines if (found := re.search('_total{status="([0-9]+)"', line))
        }
        seconds = sum(float(line.split()[1]) for line in nameless if line.startswith("bonsai_request_seconds_sum"))
        return requests, seconds

    before, took_before = counted()
    assert told(patient, *pieces)[0] == int(status)
    after, took = counted()
    assert after.get("499", 0) == before.get("499", 0)
    assert after[status] == before.get(status, 0) + 1
    if status == "408":
        assert took - took_before >= 1.0  # the second that a request has to come in


@pytest.mark.parametrize(("rest", "seconds"), [(b"zz\r\n", 0.0), (b"", 0.5)])
def test_a_request_that_was_answered_before_its_body_is_not_answered_again(
    patient: str, rest: bytes, seconds: float
) -> None:
    async def run() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0)
        writer.write(b"POST /nope HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        assert (await asyncio.wait_for(answer(reader), 60))[0] == 404
        began = time.monotonic()
        writer.write(rest)
        assert await asyncio.wait_for(reader.read(), 60) == b""
        assert time.monotonic() - began >= seconds
        await close(writer)

    asyncio.run(run())
    assert is_well(patient)


def test_spaces_around_a_headers_value_are_none_of_it(patient: str) -> None:
    fields = b"x-server-timing: 1 \t\r\nx-request-timeout-ms:  50000 \r\ncontent-encoding: Identity \r\n"
    asked = HEAD + fields + b'connection: close\r\ncontent-length: 16 \r\n\r\n{"texts": ["a"]}'
    status, headers, _, _ = told(patient, asked)
    assert status == 200 and "server-timing" in headers


def test_an_old_client_is_not_told_to_go_on(patient: str) -> None:
    asked = (
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b'expect: 100-continue\r\ncontent-length: 16\r\n\r\n{"texts": ["a"]}'
    )
    assert told(patient, asked)[0] == 200


@pytest.mark.parametrize(
    "pieces",
    [
        [b"P"],
        [bytes([byte]) for byte in HEAD],
        [HEAD + b"x: y\r\n", *[b"x: y\r\n"] * 40],
        [HEAD + b"content-length: 100\r\n\r\n", *[b"{"] * 40],
        [HEAD + b"content-length: 100000\r\n\r\n", *[b"{"] * 40],
        [HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 40],
    ],
    ids=["a byte", "a slow head", "slow headers", "a slow body", "a slow large body", "slow chunks"],
)
def test_who_sends_too_slowly_is_refused(patient: str, pieces: list[bytes]) -> None:
    status, _, body, _ = told(patient, *pieces, pause=0.1)
    assert status == 408
    assert "has not come within" in body["error"]


def test_a_body_that_keeps_coming_is_taken(patient: str) -> None:
    """Longer than a request may take to come, and so fast that this process may be held up for ten seconds."""
    body = json.dumps({"texts": ["where is my parcel " * 160_000]}).encode()
    whole = HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    size = 10 * SLOWEST
    pieces = [whole[place : place + size] for place in range(0, len(whole), size)]
    status, _, said, seconds = told(patient, *pieces, pause=0.1)
    assert (status, len(said["predictions"])) == (200, 1)
    assert seconds > 1.5


async def closed(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 60) == b""


def test_who_never_asks_is_closed(patient: str) -> None:
    async def one() -> float:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0)
        await closed(reader)
        await close(writer)
        return time.monotonic() - began

    async def run() -> list[float]:
        return await asyncio.gather(*(one() for _ in range(20)))

    assert min(asyncio.run(run())) > 1.5


@pytest.mark.parametrize("held", [False, True], ids=["one by one", "a hundred at once"])
def test_more_connections_than_files_leave_the_service_well(server: tuple[str, psutil.Process], *, held: bool) -> None:
    host, worker = server
    port = urlsplit(host).port or 0

    async def run() -> int:
        writers, answered = [], 0
        try:
            for _ in range(3 * FILES // 100):
                with held_up(worker) if held else nullcontext():
                    writers += [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(100)]
                    mine, to = await asyncio.open_connection("127.0.0.1", port)
                    writers.append(to)
                    to.write(request(extra="connection: close\r\n"))
                status, _, _ = await asyncio.wait_for(answer(mine), 30)
                answered += status == 200
        finally:
            await close(*writers)
        return answered

    assert asyncio.run(run()) == 3 * FILES // 100
    assert is_well(host)


def test_what_waits_in_a_held_up_service_is_read_before_time_is_up(server: tuple[str, psutil.Process]) -> None:
    """A request on an idle connection, and the second half of another: both came in time."""
    host, worker = server
    port, whole = urlsplit(host).port or 0, request(extra="connection: close\r\n")

    async def run() -> list[int]:
        began = time.monotonic()
        both = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        try:
            both[1][1].write(whole[:-5])
            await asyncio.sleep(0.3)
            with held_up(worker):
                if time.monotonic() - began > 0.8:  # for the first half time may have been up before
                    return []
                both[0][1].write(whole)
                both[1][1].write(whole[-5:])
                await asyncio.sleep(3)
            return [(await asyncio.wait_for(answer(reader), 30))[0] for reader, _ in both]
        finally:
            await close(*(writer for _, writer in both))

    end = time.monotonic() + 60
    while not (found := asyncio.run(run())):
        assert time.monotonic() < end
    assert found == [200, 200]


@pytest.mark.parametrize("path", ["/livez", "/variants", "/int8/predict", "/nope"])
def test_another_protocol_is_none_of_ours(patient: str, path: str) -> None:
    upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    wanted = f"GET {path} HTTP/1.1\r\nhost: x\r\n{upgrade}sec-websocket-version: 13\r\n\r\n".encode()

    async def run() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0)
        writer.write(wanted)
        status, _, _ = await asyncio.wait_for(answer(reader), 30)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        await close(writer)
        return status

    assert asyncio.run(run()) == {"/int8/predict": 405, "/nope": 404}.get(path, 200)


def test_who_does_not_read_is_closed(patient: str) -> None:
    async def run() -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        body = json.dumps({"texts": ["a"] * 4096, "top_k": 4}).encode()
        writer.write(request(body=body) * 30)
        until = time.monotonic() + 60
        with suppress(ConnectionError):
            while time.monotonic() < until and not writer.transport.is_closing():
                writer.write(b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.1)
        await close(writer)
        return time.monotonic() < until

    assert asyncio.run(run())
    assert is_well(patient)


def test_line_breaks_do_not_keep_a_connection(patient: str) -> None:
    """Alone, and behind a body: some clients send one more than there should be."""

    async def run(first: bytes) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(patient).port or 0)
        writer.write(first)
        if first:
            assert (await asyncio.wait_for(answer(reader), 30))[0] == 200
        ended, end = asyncio.create_task(closed(reader)), time.monotonic() + 60
        while not ended.done() and time.monotonic() < end:
            with suppress(ConnectionError):
                writer.write(b"\r\n")
                await writer.drain()
            await asyncio.sleep(0.2)
        was_ended = ended.done()
        ended.cancel()
        await close(writer)
        return was_ended

    async def both() -> list[bool]:
        return list(await asyncio.gather(run(b""), run(request() + b"\r\n")))

    assert asyncio.run(both()) == [True, True]


@pytest.mark.parametrize("head", ["HTTP/1.1\r\nhost: x\r\nconnection: close", "HTTP/1.0"])
def test_the_last_answer_waits_no_longer_for_its_reader_than_others(head: str) -> None:
    """An answer of more than a socket holds."""

    async def run() -> None:
        async with connected(LARGE) as (protocol, client):
            await protocol.loop.sock_sendall(client, f"GET / {head}\r\n\r\n".encode())
            assert (await protocol.loop.sock_recv(client, 12)) == b"HTTP/1.1 200"
            await wait_until(protocol.transport.is_closing)
            await wait_until(lambda: not protocol.connections)

    uvloop.run(run())
