"""The health check, against what listens: ready, not ready, with TLS, and no HTTP at all."""

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.image import healthy
from service.image.healthy import main, reason, where

SERVE = ["/app/.venv/bin/python", "/app/.venv/bin/bentoml", "serve", "/home/bentoml/bento"]


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ([], {}, ("127.0.0.1", 3000, False)),
        ([], {"BENTOML_PORT": "8080", "BENTOML_HOST": "10.0.0.7"}, ("10.0.0.7", 8080, False)),
        ([], {"BENTOML_PORT": "", "BENTOML_HOST": ""}, ("127.0.0.1", 3000, False)),
        (["--port", "8080"], {"BENTOML_PORT": "3001"}, ("127.0.0.1", 8080, False)),
        (["--port=8080", "--host=10.0.0.7"], {}, ("10.0.0.7", 8080, False)),
        (["-p", "8080"], {}, ("127.0.0.1", 8080, False)),
        (["-p8080"], {}, ("127.0.0.1", 8080, False)),
        (["--host", "0.0.0.0"], {"BENTOML_HOST": "10.0.0.7"}, ("127.0.0.1", 3000, False)),
        (["--host", "::"], {}, ("::1", 3000, False)),
        (["--ssl-certfile", "/tls/c.pem", "--ssl-keyfile", "/tls/k.pem"], {}, ("127.0.0.1", 3000, True)),
        (["--ssl-certfile=/tls/c.pem", "--port", "8443"], {}, ("127.0.0.1", 8443, True)),
    ],
)
def test_it_asks_where_the_first_process_listens(
    options: list[str], environment: dict[str, str], expected: tuple[str, int, bool]
) -> None:
    assert where([*SERVE, *options, ""], environment) == expected
    if not options:  # a first process that is no service of ours
        assert where(["/sbin/init", ""], environment) == where([], environment) == expected


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/here/readyz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_ready_is_200_alone() -> None:
    with answering() as port:
        assert reason("127.0.0.1", port, False, "/here/readyz") is None
        assert reason("127.0.0.1", port, False, "/readyz") == "status 503"
    assert "ConnectionRefusedError" in str(reason("127.0.0.1", port, False, "/here/readyz"))


def test_a_certificate_for_another_name_will_do(tmp_path: Path) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=elsewhere.example"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with answering((certificate, key)) as port:
        assert reason("127.0.0.1", port, True, "/here/readyz") is None
        assert reason("127.0.0.1", port, True, "/readyz") == "status 503"


@pytest.mark.parametrize("said", [b"no HTTP\r\n\r\n", b""])
def test_what_is_no_http_is_one_line(said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        (tmp_path / "cmdline").write_bytes("\0".join([*SERVE, "--port", str(port), ""]).encode())
        monkeypatch.setattr(healthy, "FIRST", tmp_path / "cmdline")
        with pytest.raises(SystemExit) as ended:
            main()
        thread.join()
    why = str(ended.value.code)
    assert why.startswith(f"not ready at http://127.0.0.1:{port}/readyz: ") and "\n" not in why


def test_the_script_ends_with_0_or_with_1_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONSAI_PATH_PREFIX", "/here/")
    monkeypatch.setattr(healthy, "FIRST", tmp_path / "none")
    with answering() as port:
        monkeypatch.setenv("BENTOML_PORT", str(port))
        main()
        monkeypatch.setenv("BONSAI_PATH_PREFIX", "/elsewhere")
        with pytest.raises(SystemExit, match="status 503"):
            main()
