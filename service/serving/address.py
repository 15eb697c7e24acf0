"""The address to listen on and the certificate to show, tried before BentoML does: of an address that is taken it says
so with a traceback, and after all models are loaded; of a certificate that cannot be read each worker does, for ever.
"""

import socket
import ssl
from typing import Any

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
    _check_certificate(command.params)
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


def _check_certificate(given: dict[str, Any]) -> None:
    """Refuse a certificate, a key or a file of authorities that cannot be used (BonsaiError)."""
    certificate, key, authorities = (given.get(f"ssl_{name}") for name in ("certfile", "keyfile", "ca_certs"))
    if certificate is None:
        if key is not None:
            raise BonsaiError(f"--ssl-keyfile is '{key}', without a certificate; expected --ssl-certfile as well")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = f"certificate '{certificate}'" + (f" with the key '{key}'" if key is not None else "")
    try:
        # A password that is asked for at the terminal would be asked for by every worker.
        context.load_cert_chain(certificate, key, lambda: given.get("ssl_keyfile_password") or "")
        if authorities is not None:
            file = f"file of authorities '{authorities}'"
            context.load_verify_locations(authorities)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise BonsaiError(
            f"the {file} cannot be used ({reason}); expected PEM files that can be read and belong together: "
            "--ssl-certfile, --ssl-keyfile, --ssl-keyfile-password, --ssl-ca-certs"
        ) from error
