"""The request path: an ASGI middleware that answers predictions and cards itself and leaves all other routes to BentoML.

BentoML's own path for typed APIs answers bad input with several shapes of error and costs more than a small model does.
"""

import asyncio
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from service.messages import Refused, answer, parse_request
from service.metrics import observe
from service.registry import Registry
from service.settings import DEADLINE_S, MAX_BODY, MAX_DRAINED, MAX_WAITING

INLINE_CHARACTERS = 512  # what the event loop may compute itself: a hop to a thread costs as much as a short text
JSON_TYPES = ("application/json", "")


class Front:
    """Answers `POST /{variant}/predict` and `GET /variants`."""

    def __init__(self, app: ASGIApp, registry: Registry) -> None:
        self._app = app
        self._registry = registry
        self._waiting = 0
        # One thread for long requests: more would take the cores from the short ones.
        self._long_requests = ThreadPoolExecutor(1, thread_name_prefix="long-request")

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
        extra: dict[str, str] = {}
        try:
            status, body = await respond(scope, receive, headers, request_id)
        except Refused as refused:
            status, body, extra = refused.status, json.dumps({"error": refused.sentence}, ensure_ascii=False).encode("utf-8", "replace"), refused.headers
        await _send(send, status, body, {"x-request-id": request_id, **extra})

    async def _cards(self, scope: Scope, receive: Receive, headers: dict[bytes, str], request_id: str) -> tuple[int, bytes]:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(405, f"{scope['method']} /variants; expected GET", Allow="GET")
        cards = [{**card.content(), "startup_check": startup_check._asdict()} for card, _, startup_check in self._registry.variants]
        return 200, json.dumps({"variants": cards}, ensure_ascii=False).encode()

    async def _predict(self, scope: Scope, receive: Receive, headers: dict[bytes, str], request_id: str) -> tuple[int, bytes]:
        started = time.monotonic()
        variant = scope["path"].split("/")[1]
        version = self._registry.find(variant).card.version
        try:
            if scope["method"] != "POST":
                raise Refused(405, f"{scope['method']} /{variant}/predict; expected POST", Allow="POST")
            body = await _read_body(receive, headers)
            request = parse_request(body)
            card, predictions = await self._compute(variant, request.texts, request.top_k, started + DEADLINE_S)
        except Refused as refused:
            observe(variant, version, refused.status, 0, time.monotonic() - started)
            raise
        observe(variant, card.version, 200, len(predictions), time.monotonic() - started)
        return 200, json.dumps(answer(card, request_id, predictions, request.top_k), ensure_ascii=False).encode()

    async def _compute(self, variant: str, texts: list[str], top_k: int, deadline: float) -> Any:
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return self._registry.predict(variant, texts, top_k)
        if self._waiting >= MAX_WAITING:
            raise Refused(503, f"{self._waiting} long requests are waiting; expected fewer: try again later", Retry_After="1")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._long_requests, self._registry.predict, variant, texts, top_k, deadline)
        finally:
            self._waiting -= 1


WANTED_HEADERS = frozenset((b"content-type", b"content-length", b"content-encoding", b"x-request-id"))


async def _read_body(receive: Receive, headers: dict[bytes, str]) -> bytes:
    """Return the whole body (Refused 413 beyond the limit, 415 for anything but plain JSON, 400 when the client went away)."""
    refusal = None
    media_type = headers.get(b"content-type", "").split(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        refusal = Refused(415, f"the content type is '{media_type[:64]}'; expected application/json")
    elif headers.get(b"content-encoding", "identity") != "identity":
        refusal = Refused(415, f"the content encoding is '{headers[b'content-encoding'][:64]}'; expected none")
    chunks, size, more = [], 0, True
    while more and size <= MAX_DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the connection was closed before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY and refusal is None:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if refusal is None and size > MAX_BODY:
        refusal = Refused(413, f"the body is larger than {MAX_BODY // 2**20} MiB; expected at most that: send the texts in several requests")
    if refusal is not None:
        raise refusal
    return b"".join(chunks)


def _request_id(headers: dict[bytes, str]) -> str:
    given = headers.get(b"x-request-id", "")
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else uuid.uuid4().hex


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send(
        {"type": "http.response.start", "status": status, "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]}
    )
    await send({"type": "http.response.body", "body": body})
