import socket
from pathlib import Path

import click
import pytest

from models.runtime.errors import BonsaiError
from service.serving.address import check_address


def under_serve(host: str | None, port: int | None, **more: str | None) -> None:
    """Check as BentoML's command does: with the options it was given, none where it was not."""
    with click.Context(click.Command("serve")) as command:
        command.params = {"host": host, "port": port, **more}
        check_address()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", None])
def test_a_free_address_is_none_of_our_business(host: str | None) -> None:
    under_serve(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", None])
def test_a_taken_port(host: str | None) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(
            BonsaiError, match=r"^cannot listen on .* \(Address already in use\); choose others with --host and --port"
        ):
            under_serve(host, other.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65536), ("127.0.0.1", -1), ("192.0.2.1", 0), ("no such host", 0)]
)
def test_an_address_that_is_none_here(host: str, port: int) -> None:
    with pytest.raises(BonsaiError, match=rf"^cannot listen on {host}, port {port} \(.+\);"):
        under_serve(host, port)


def test_a_port_may_be_free_again_while_its_last_connections_linger() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    under_serve("127.0.0.1", port)


def test_started_in_another_way_nothing_is_checked() -> None:
    check_address()


def test_a_certificate_that_can_be_used(certificate: Path) -> None:
    under_serve("127.0.0.1", 0, ssl_certfile=str(certificate), ssl_keyfile=None)
    under_serve(
        "127.0.0.1", 0, ssl_certfile=str(certificate), ssl_keyfile=str(certificate), ssl_ca_certs=str(certificate)
    )


@pytest.mark.parametrize("named", ["ssl_certfile", "ssl_keyfile", "ssl_ca_certs"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\0\xff"])
def test_a_certificate_that_cannot_be_used(
    certificate: Path, tmp_path: Path, named: str, content: bytes | None
) -> None:
    wrong = tmp_path / "wrong.pem"
    if content is not None:
        wrong.write_bytes(content)
    given = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate), named: str(wrong)}
    with pytest.raises(BonsaiError, match=rf"^the .*'{wrong}'.* cannot be used \(.+\); expected PEM files"):
        under_serve("127.0.0.1", 0, **given)


def test_a_key_without_a_certificate(certificate: Path) -> None:
    with pytest.raises(BonsaiError, match=r"^--ssl-keyfile is '.*', without a certificate; expected --ssl-certfile"):
        under_serve("127.0.0.1", 0, ssl_keyfile=str(certificate))
