"""The address to listen on, tried before BentoML does: of one that is taken it says so with a traceback, and after all
models are loaded.
"""

import socket

import click
from bentoml._internal.configuration.containers import BentoMLContainer

from models.runtime.errors import BonsaiError


def check_address() -> None:
    """Refuse the host and port of this `bentoml serve` where nothing can listen on them (BonsaiError); started in
    another way there is nothing to check.
    """
    command = click.get_current_context(silent=True)
    if command is None or not {"host", "port"} <= command.params.keys():
        return
    host, port = (
        BentoMLContainer.http.host.get() if command.params["host"] is None else command.params["host"],
        BentoMLContainer.http.port.get() if command.params["port"] is None else command.params["port"],
    )
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the real one will
            probe.bind((host, port))
            probe.listen()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BonsaiError(
            f"cannot listen on {host}, port {port} ({reason}); choose others with --host and --port, or end what "
            "listens there"
        ) from error
