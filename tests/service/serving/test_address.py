import socket

import click
import pytest

from models.runtime.errors import BonsaiError
from service.serving.address import check_address


def under_serve(host: str | None, port: int | None) -> None:
    """Check as BentoML's command does: with the options it was given, none where it was not."""
    with click.Context(click.Command("serve")) as command:
        command.params = {"host": host, "port": port}
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
