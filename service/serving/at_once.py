"""What is answered as soon as its headers are read, and not by BentoML: with a thousand requests in each turn of the
loop every further turn tells of a queue, and not of the process.
"""

from typing import Protocol

from bentoml._internal.configuration.containers import BentoMLContainer
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.serving import metrics

MANY = 16  # requests in work, beside which a thread waits for the interpreter as long as each of them


class AtOnce(Protocol):
    """An answer to GET, given at once where at least so many requests are in work."""

    @property
    def least(self) -> int: ...

    def answer(self, headers: object, keep: bool, began: float) -> bytes: ...


class Lives:
    """Says that this process lives and takes requests, as BentoML does."""

    least = 0

    def answer(self, headers: object, keep: bool, began: float) -> bytes:
        """Return the whole answer; without `keep` it is the connection's last."""
        return _answer(b"\n", "text/plain; charset=utf-8", keep)


class Metrics:
    """The metrics of all workers. Putting them together takes some milliseconds, which BentoML leaves to a thread; that
    does where it need not wait for the interpreter.
    """

    least = MANY

    def answer(self, headers: object, keep: bool, began: float) -> bytes:
        """Return the whole answer; without `keep` it is the connection's last."""
        metrics.write()
        client = BentoMLContainer.metrics_client.get()
        content: bytes = client.generate_latest()  # type: ignore[no-untyped-call]
        return _answer(content, client.CONTENT_TYPE_LATEST, keep)


def at_once(prefix: str) -> dict[bytes, AtOnce]:
    """Return what is answered so, by the URL that a client sends."""
    lives = Lives()
    found: dict[str, AtOnce] = {"/livez": lives, "/healthz": lives, "/readyz": lives}
    if BentoMLContainer.api_server_config.metrics.enabled.get():
        found["/metrics"] = Metrics()
    return {f"{prefix}{path}".encode(): answer for path, answer in found.items()}


def _answer(body: bytes, media_type: str, keep: bool) -> bytes:
    close = b"" if keep else b"connection: close\r\n"
    fields = b"content-type: %s\r\ncontent-length: %d\r\n%s\r\n" % (media_type.encode(), len(body), close)
    return STATUS_LINE[200] + fields + body
