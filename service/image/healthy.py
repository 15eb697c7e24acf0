"""The image's health check: ends with 0 when the service inside is ready; a script, for it runs every few seconds."""

import http.client
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

FIRST = Path("/proc/1/cmdline")
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # every address of the container: here the one that cannot be missing


def where(command: list[str], environment: Mapping[str, str]) -> tuple[str, int, bool]:
    """Return the host and the port that a service listens at, and whether it does with TLS, from its command line or
    else from the environment.
    """
    given = {"--host": environment.get("BENTOML_HOST"), "--port": environment.get("BENTOML_PORT")}
    for word, following in zip(command, [*command[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if word.startswith("-p"):
            name, equals, value = "--port", word[2:], word[2:]
        given[name] = value if equals else following
    host = given["--host"] or "0.0.0.0"
    return ANY.get(host, host), int(given["--port"] or 3000), "--ssl-certfile" in given


def reason(host: str, port: int, tls: bool, path: str) -> str | None:
    """Return why a service is not ready, nothing where it is; its certificate may be for any name."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    if tls:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=2, context=trust)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        return repr(problem)  # of a line that is no status, its end too
    finally:
        connection.close()
    return None if status == 200 else f"status {status}"


def main() -> None:
    """Ask once; what is wrong is one line."""
    try:
        command = FIRST.read_bytes().decode(errors="replace").split("\0")
    except OSError:
        command = []
    prefix = os.environ.get("BONSAI_PATH_PREFIX", "").rstrip("/")
    host, port, tls = where(command, os.environ)
    why = reason(host, port, tls, f"{prefix}/readyz")
    if why is not None:
        raise SystemExit(f"not ready at {'https' if tls else 'http'}://{host}:{port}{prefix}/readyz: {why}")


if __name__ == "__main__":
    main()
