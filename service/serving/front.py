"""The outermost layer: an ASGI middleware that answers predictions and cards itself and leaves all other routes to
BentoML.

BentoML's own path for typed APIs answers bad input with several shapes of error and costs more than a small model does.
"""

import time
import uuid
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from service.routes.predict import predict
from service.routes.refused import Refused, refusal
from service.routes.variants import cards
from service.serving.body import read_body
from service.serving.metrics import observe
from service.serving.queue import Queue
from service.serving.settings import DEADLINE_S
from service.variants.errors import UnknownVariant
from service.variants.registry import Registry

WANTED_HEADERS = frozenset((b"content-type", b"content-length", b"content-encoding", b"x-request-id"))


class Front:
    """Answers `POST /{variant}/predict` and `GET /variants`."""

    def __init__(self, app: ASGIApp, registry: Registry) -> None:
        self._app = app
        self._registry = registry
        self._queue = Queue(registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts = scope["path"].split("/")
        if parts[1:] == ["variants"]:
            respond = self._cards
        elif len(parts) == 3 and parts[2] == "predict":
            respond = self._predict
        else:
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in WANTED_HEADERS}
        request_id = _request_id(headers)
        status, extra = 200, dict[str, str]()
        try:
            body = await respond(scope, receive, headers, request_id)
        except Refused as refused:
            status, body, extra = refused.status, refused.body, refused.headers
        await _send(send, status, body, {"x-request-id": request_id, **extra})

    async def _cards(self, scope: Scope, receive: Receive, headers: dict[bytes, str], request_id: str) -> bytes:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(405, f"{scope['method']} /variants; expected GET", Allow="GET")
        return cards(self._registry)

    async def _predict(self, scope: Scope, receive: Receive, headers: dict[bytes, str], request_id: str) -> bytes:
        started = time.monotonic()
        variant = scope["path"].split("/")[1]
        try:
            version = self._registry.find(variant).card.version
        except UnknownVariant as problem:
            raise refusal(problem) from None
        try:
            if scope["method"] != "POST":
                raise Refused(405, f"{scope['method']} /{variant}/predict; expected POST", Allow="POST")
            body = await read_body(receive, headers)
            answer = await predict(
                body, variant, request_id, partial(self._queue.predict, deadline=started + DEADLINE_S)
            )
        except Refused as refused:
            observe(variant, version, refused.status, 0, time.monotonic() - started)
            raise
        observe(variant, answer.version, 200, answer.texts, time.monotonic() - started)
        return answer.body


def _request_id(headers: dict[bytes, str]) -> str:
    given = headers.get(b"x-request-id", "")
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else uuid.uuid4().hex


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
