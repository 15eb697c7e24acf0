"""SIGTERM: what is asked before the process is gone is answered; a killed worker: the others go on. Real services."""

import asyncio
import http.client
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import uvloop
from starlette.responses import PlainTextResponse
from uvicorn import Config

from service.serving.ending import Server
from service.serving.protocol import Protocol
from tests.service.conftest import ROOT, started, until
from tests.service.serving.test_service import call

BENTOML = Path(sys.executable).with_name("bentoml")
JSON = {"Content-Type": "application/json"}
ONE = json.dumps({"texts": ["where is my parcel"]})
Served = tuple[str, "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def served(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers that drain for some seconds; the last test that asks for it ends it."""
    settings = {
        "BONSAI_VARIANTS": str(built),
        "BONSAI_WORKERS": "2",
        "BONSAI_DRAIN_S": "10",  # a test that gives way to all others needs some
        "BONSAI_READ_S": "60",
        "BONSAI_GRACE_S": "60",
        "BONSAI_TIMEOUT_MS": "60000",
    }
    with started(
        "service.service:bonsai", ROOT, settings, BENTOML, tmp_path_factory.mktemp("ending") / "log.txt"
    ) as found:
        yield found


def wait_until_unready(host: str, path: str = "/readyz") -> None:
    """Workers learn of it one shortly after the other."""
    until(lambda: call(f"{host}{path}")[0] != 200)


class Caller(threading.Thread):
    """Asks on one connection as a balancer does: until it is told to close, and then on another, while there is one."""

    def __init__(self, host: str) -> None:
        super().__init__(daemon=True)
        self.port, self.answered, self.closes, self.failures = urlsplit(host).port or 0, 0, 0, list[BaseException]()
        self.told = threading.Event()  # that the service is unready: nothing is asked on a new connection from then on

    def run(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
            try:
                if not self.ask_until_closed(connection):
                    return
            except (OSError, http.client.HTTPException) as problem:
                self.failures.append(problem)
                return
            finally:
                connection.close()

    def ask_until_closed(self, connection: http.client.HTTPConnection) -> bool:
        """Return whether another connection is to be opened."""
        while True:
            connection.request("POST", "/int8/predict", ONE, JSON)
            answer = connection.getresponse()
            assert answer.status == 200 and json.loads(answer.read())["predictions"]
            self.answered += 1
            if answer.will_close:
                self.closes += 1
                return not self.told.is_set()


def test_a_killed_worker_is_replaced_and_the_other_goes_on(served: Served) -> None:
    """That it is missed at once, test_supervisor.py says."""
    host, server = served
    connections = [http.client.HTTPConnection("127.0.0.1", urlsplit(host).port or 0, timeout=600) for _ in range(16)]

    def ask(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", "/int8/predict", ONE, JSON)
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()

    for connection in connections:
        ask(connection)
    before = psutil.Process(server.pid).children()
    assert len(before) == 2
    dead, other = before
    clients = {each.raddr.port for each in other.net_connections("tcp") if each.raddr}
    kept = [each for each in connections if each.sock and each.sock.getsockname()[1] in clients]
    os.kill(dead.pid, signal.SIGKILL)

    def is_replaced() -> bool:
        for connection in kept:
            ask(connection)
        return not set(psutil.Process(server.pid).children()) <= set(before)

    until(is_replaced)
    for connection in connections:
        connection.close()
    figures = f"bonsai-service-{server.pid}-*/metrics/gauge_live*_{dead.pid}.db"
    until(lambda: not list(Path(tempfile.gettempdir()).glob(figures)))  # what it had in flight would be told for ever


def test_sigterm_loses_no_request_and_no_connection(served: Served) -> None:
    """Keep-alive connections in use, idle ones, a request that takes longer than the drain, and one half sent."""
    host, server = served
    callers = [Caller(host) for _ in range(8)]
    for caller in callers:
        caller.start()
    idle = http.client.HTTPConnection("127.0.0.1", callers[0].port, timeout=600)

    def is_kept() -> bool:
        idle.request("POST", "/int8/predict", ONE, JSON)
        first = idle.getresponse()
        assert first.read()
        return not first.will_close

    until(is_kept)  # a worker with more than its share of connections closes some
    half = socket.create_connection(("127.0.0.1", callers[0].port), timeout=600)
    fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(ONE)}\r\n\r\n"
    half.sendall(f"POST /int8/predict HTTP/1.1\r\n{fields}{ONE[:5]}".encode())
    bulk = list[tuple[int, int]]()
    texts = json.dumps({"texts": ["where is my parcel " * 40] * 4096}).encode()

    def ask_for_many() -> None:
        status, body, _ = call(f"{host}/teacher/predict", texts)
        bulk.append((status, len(body["predictions"])))

    asking = threading.Thread(target=ask_for_many, daemon=True)
    asking.start()
    time.sleep(0.5)  # everybody is asking
    server.send_signal(signal.SIGTERM)
    wait_until_unready(host)
    for caller in callers:
        caller.told.set()
    wait_until_unready(host, "/v2/health/ready")
    assert call(f"{host}/livez")[0] == 200
    idle.request("POST", "/int8/predict", ONE, JSON)
    last = idle.getresponse()
    assert (last.status, last.will_close) == (200, True)
    half.sendall(ONE[5:].encode())
    said = b""
    while piece := half.recv(65536):
        said += piece
    assert said.startswith(b"HTTP/1.1 200") and b"connection: close" in said.partition(b"\r\n\r\n")[0]
    for each in [*callers, asking]:
        each.join(60)
    assert [caller.failures for caller in callers] == [[]] * 8
    assert all(caller.answered > 1 and caller.closes for caller in callers)
    assert bulk == [(200, 4096)]
    assert server.wait(120) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", callers[0].port), timeout=5)
    idle.close()
    half.close()


def test_a_second_sigterm_ends_at_once_and_leaves_nothing_behind(built: Path, tmp_path: Path) -> None:
    settings = {"BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "1", "BONSAI_DRAIN_S": "600", "TMPDIR": str(tmp_path)}
    with started("service.service:bonsai", ROOT, settings, BENTOML, tmp_path / "log.txt") as (host, server):
        children = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGTERM)
        wait_until_unready(host)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert psutil.wait_procs(children, 60)[1] == []
    assert list(tmp_path.glob("bonsai-service-*")) == []


@pytest.mark.parametrize(
    ("signals", "drains"),
    [
        ([signal.SIGTERM], True),
        ([signal.SIGINT], False),
        ([signal.SIGTERM, signal.SIGTERM], True),  # of the group, and of the supervisor
        ([signal.SIGINT, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGINT], False),
    ],
)
def test_a_worker_drains_on_sigterm_unless_a_person_waits(signals: list[int], drains: bool) -> None:
    server = Server(Config(lambda: None))
    for number in signals:
        server.handle_exit(number, None)
    assert (server.should_exit, server.force_exit, server._drains) == (True, False, drains)


def test_workers_end_when_their_supervisor_was_killed(built: Path, tmp_path: Path) -> None:
    """Else they would hold its port, and it could not be started again."""
    settings = {"BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "1", "BONSAI_DRAIN_S": "0"}
    with started("service.service:bonsai", ROOT, settings, BENTOML, tmp_path / "log.txt") as (host, server):
        workers = psutil.Process(server.pid).children()
        server.kill()
        assert workers and psutil.wait_procs(workers, 60)[1] == []
        with pytest.raises(urllib.error.URLError):
            call(f"{host}/livez")


def certified(folder: Path) -> tuple[Path, Path]:
    """Return a new certificate of this machine, and its key."""
    certificate, private = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(private)]
    subprocess.run([*command, "-out", str(certificate)], check=True, capture_output=True)
    return certificate, private


def test_the_last_clients_are_taken_whatever_others_make_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has gone, one that says something else, and one that says nothing come before it."""
    certificate, private = certified(tmp_path)
    trust = ssl.create_default_context(cafile=str(certificate))

    async def run() -> bytes:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        monkeypatch.setattr(Protocol, "listener", listener)
        config = Config(PlainTextResponse("well"), http=Protocol, ssl_certfile=certificate, ssl_keyfile=str(private))
        config.load()
        server = Server(config)
        server.lifespan, server.servers = config.lifespan_class(config), []
        gone, other, silent = (socket.create_connection(listener.getsockname()) for _ in range(3))
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        other.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        last = asyncio.create_task(asyncio.open_connection(*listener.getsockname(), ssl=trust))
        await asyncio.sleep(0.2)  # it waits behind the others
        await asyncio.wait_for(server._stop_accepting(), 20)
        reader, writer = await asyncio.wait_for(last, 20)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        other.close()
        silent.close()
        return said

    said = uvloop.run(run())
    assert said.startswith(b"HTTP/1.1 200") and said.endswith(b"well")
