"""The outermost layer: an ASGI app that answers our routes and leaves health, metrics and files to BentoML.

BentoML's own path for typed APIs answers bad input with several shapes of error and costs more than a small model does.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from models.runtime.traces import log_failure
from service.builds.builds import Builds
from service.builds.errors import BuildError
from service.experiments.errors import ExperimentError
from service.experiments.experiments import Experiments
from service.keys.watched import WatchedKeys
from service.routes.admin import check_admin
from service.routes.allowed import check_predict
from service.routes.exchange import MOST_TIMEOUT_MS, Answer, Request, Service, Times
from service.routes.pages import OF_BENTOML
from service.routes.refused import Refused, refusal, refused_build, refused_experiment
from service.routes.table import CHANGING, PREDICTING, find
from service.serving import metrics
from service.serving.body import Bodies, read_body
from service.serving.connection import COUNTED
from service.serving.queue import RowQueue
from service.serving.refusals import Refusal, Refusals
from service.serving.request_ids import request_id
from service.serving.spread import Spread
from service.store.errors import StoreError
from service.variants.errors import Overloaded, UnknownVariant, VariantError
from service.variants.generations import Generations
from service.variants.registry import Registry

WANTED_HEADERS = frozenset(
    (
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"expect",
        b"if-none-match",
        b"inference-header-content-length",
        b"x-request-id",
        b"x-request-timeout-ms",
        b"x-server-timing",
        b"authorization",
        b"accept",
        b"prefer",
    )
)
READY = frozenset(("/readyz", "/v2/health/ready"))
# To GET and HEAD; its metrics are labelled with the path, so what there is not is not passed on.
PASSED_ON = frozenset(
    ("/livez", "/readyz", "/healthz", "/metrics", "/schema.json", *(f"/static_content/{name}" for name in OF_BENTOML))
)
NOT_MODIFIED = 304
NO_ANSWER = 499  # the client went away; the status is nginx's

logger = logging.getLogger("bentoml.bonsai")
access = logging.getLogger("bentoml.bonsai.access")


class Front:
    """Answers the routes of `service.routes`, one after another on a connection."""

    def __init__(
        self,
        app: ASGIApp,
        registry: Registry,
        experiments: Experiments,
        queue: RowQueue,
        spread: Spread,
        *,
        deadline_s: float,
        access_log: float = 0.0,
        path_prefix: str = "",
        load_tests: Sequence[Path] = (),
        generations: Generations | None = None,
        refusals: Refusals | None = None,
        builds: Builds | None = None,
        keys: WatchedKeys | None = None,
        around: Callable[[ASGIApp], ASGIApp] | None = None,
        is_draining: Callable[[], bool] = lambda: False,
        in_flight: Callable[[], int] = int,
    ) -> None:
        """`refusals` remembers what is to be refused before it gets here; `around` wraps what answers our own routes:
        tracing, where it is asked for; `is_draining` tells whether this worker is about to end; `in_flight`
        how many requests it has in work.
        """
        self._app, self._spread, self._refusals = app, spread, refusals
        self._queue, self._is_draining, self._in_flight = queue, is_draining, in_flight
        self._service = Service(
            registry, queue.run, experiments, load_tests, builds or Builds(), generations or Generations(), keys
        )
        self._deadline_s, self._access_log, self._prefix = deadline_s, access_log, path_prefix
        self._below = f"{path_prefix}/"
        self._bodies, self._keys = Bodies(), keys
        self._ours: ASGIApp = self._respond if around is None else around(self._respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._without_prefix(scope["path"])
        if path == "/metrics":
            metrics.write()
        if path in READY and self._is_draining():  # counted nowhere: no caller sees it
            await unready(scope, receive, send)
        elif path in PASSED_ON and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        else:
            await self._ours(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._spread.start()
        writing = asyncio.get_running_loop().create_task(metrics.keep_written(self._in_flight))
        try:
            await self._app(scope, receive, send)
        finally:
            writing.cancel()
            metrics.write()

    def _without_prefix(self, path: str) -> str:
        """Return a path as the routes know it, or none where it does not stand below the prefix."""
        return path.removeprefix(self._prefix) if path.startswith(self._below) else ""

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        url = scope["raw_path"] if not scope["query_string"] else b""
        request = self.begin(scope["method"], read_headers(scope["headers"], self.wanted))
        request.scope = scope
        answer = await self.answer(scope["path"], url, request, receive)
        if answer.status != NO_ANSWER:
            fields = [
                (b"content-type", answer.media_type.encode()),
                (b"x-request-id", request.id.encode()),
                *self.more_fields(request, answer, scope["client"]),
            ]
            if answer.stream is not None:
                await send({"type": "http.response.start", "status": answer.status, "headers": fields})
                await stream(answer.stream, receive, send)
                return
            if answer.status != NOT_MODIFIED:  # whose length would be that of what it stands for (RFC 9110, 8.6)
                fields.append((b"content-length", b"%d" % len(answer.body)))
            await send({"type": "http.response.start", "status": answer.status, "headers": fields})
            await send({"type": "http.response.body", "body": answer.body})

    @property
    def wanted(self) -> frozenset[bytes]:
        """The headers that the running experiment asks for, beside the usual ones."""
        return self._service.experiments.running.headers

    def begin(self, method: str, headers: dict[bytes, str]) -> Request:
        """Return a request whose headers are read."""
        now = time.monotonic()
        return Request(method, headers, b"", request_id(headers.get(b"x-request-id", "")), now, now + self._deadline_s)

    async def answer(self, path: str, url: bytes, request: Request, receive: Receive | None) -> Answer:
        """Answer a request to a path, whose body is still to be received or there already; whatever happens is an
        answer.

        `url` is what a client sends as it stands, where more of the same may be refused unread.
        """
        held = [0]
        try:
            try:
                answer = await self._route(path, request, receive, held)
            except VariantError as problem:
                refused = refusal(problem)
                if isinstance(problem, Overloaded) and problem.characters is not None and url:
                    self._refuse_unread(url, refused, request, problem.characters)
                raise refused from None
            except (ExperimentError, StoreError) as problem:
                raise refused_experiment(problem) from None
            except BuildError as problem:
                raise refused_build(problem) from None
        except Refused as refused:
            answer = Answer(refused.body, headers=refused.headers, status=refused.status)
        except Exception as problem:
            log_failure(logger, problem, "request %s failed", request.id)
            failure = Refused(500, f"the service failed; its log says why, for request {request.id}")
            answer = Answer(failure.body, status=500)
        finally:
            if held[0]:
                self._bodies.hold(-held[0])
        seconds = time.monotonic() - request.began
        name, version = (request.card.name, request.card.version) if request.card is not None else ("", "")
        if COUNTED not in request.scope:
            metrics.observe(name, version, answer.status, request.texts, seconds)
        if self._access_log and random.random() < self._access_log:
            access.info(
                "%s %r %d %.2f ms, %d texts, request %s",
                request.method, path, answer.status, seconds * 1000, request.texts, request.id,
            )  # fmt: skip
        return answer

    def more_fields(self, request: Request, answer: Answer, client: object) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer to a client's connection beside those that every answer has."""
        fields = [_field(name, value) for name, value in answer.headers.items()]
        if request.times is not None and answer.status == 200:
            fields.append((b"server-timing", request.times.header().encode()))
        # Of a body that was asked about and not asked for nobody knows whether it comes (RFC 9110, 10.1.1).
        is_unread = request.headers.get(b"expect", "").lower() == "100-continue" and request.gone is None
        if self._spread.is_one_too_many(client, self._is_draining()) or is_unread:
            fields.append((b"connection", b"close"))
        return fields

    def _refuse_unread(self, path: bytes, refused: Refused, request: Request, characters: int) -> None:
        route = find(self._without_prefix(path.decode("latin-1")))
        if self._refusals is not None and request.card is not None and route is not None and route.variant:
            name = request.card.name
            note = partial(self._note_unread, name, refused.status)
            share = characters / max(1, len(request.body))
            self._refusals.add(path, Refusal(refused, partial(self._is_full, name), note, share))

    def _is_full(self, variant: str, more: int, characters: int) -> bool:
        """Tell whether a text more would be refused, by what the variant costs that is served under this name now."""
        try:
            return self._queue.is_full(self._service.registry.find(variant), more, characters)
        except UnknownVariant:  # which the request is told
            return False

    def _note_unread(self, variant: str, status: int, seconds: float) -> None:
        try:
            card = self._service.registry.find(variant).card
        except UnknownVariant:  # it has gone while the body came
            metrics.observe("", "", status, 0, seconds)
        else:
            metrics.observe(card.name, card.version, status, 0, seconds)

    async def _route(self, path: str, request: Request, receive: Receive | None, held: list[int]) -> Answer:
        if self._prefix and path == self._prefix:  # where the page's relative addresses would lead beside the service
            return Answer(b"", headers={"Location": f"{path.rpartition('/')[2]}/"}, status=308)
        inner = self._without_prefix(path)
        route = find(inner)
        if inner in PASSED_ON:
            raise Refused(405, f"{request.method[:16]} {path[:64]}; expected GET", Allow="GET, HEAD")
        if route is None:
            raise Refused(404, f"there is no '{path[:64]}'; GET {self._prefix}/docs shows what there is")
        handler = route.handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise Refused(405, f"{request.method[:16]} {path[:64]}; expected {route.allowed}", Allow=route.allowed)
        if request.headers:
            self._read_headers(request)
        if self._keys is not None and handler in PREDICTING:
            check_predict(request, self._keys.now)
        elif handler in CHANGING:  # strangers' bodies would take the room of others
            check_admin(request, self._service)
        if request.method == "POST" and receive is not None:
            if route.variant:  # an unknown variant is said before its body is read
                request.card = self._service.registry.find(route.arguments[0]).card
            request.body = await read_body(receive, request.headers, route.media_types, self._bodies, held)
            request.gone = receive
        return await handler(request, self._service, *route.arguments)

    def _read_headers(self, request: Request) -> None:
        if request.headers.get(b"x-server-timing") == "1":
            request.times = Times()
        given = request.headers.get(b"x-request-timeout-ms")
        if given is not None and request.method == "POST":
            if not (given.isascii() and given.isdigit() and len(given) <= len(str(MOST_TIMEOUT_MS)) and int(given)):
                sentence = (
                    f"X-Request-Timeout-Ms is '{given[:40]}'; expected a whole number from 1 to {MOST_TIMEOUT_MS}"
                )
                raise Refused(400, sentence)
            request.deadline += min(0.0, int(given) / 1000 - self._deadline_s)


async def unready(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that no more requests should come, for this service ends."""
    said = Refused(503, "the service ends; ask another replica, or later")
    await Response(said.body, 503, {"Connection": "close"}, "application/json")(scope, receive, send)


@lru_cache(maxsize=256)
def _field(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode("latin-1")


async def stream(pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send a body piece by piece, until its end or until the client has gone."""
    gone = asyncio.ensure_future(_gone(receive))
    try:
        async for piece in pieces:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def read_headers(headers: Sequence[tuple[bytes, bytes]], also: frozenset[bytes]) -> dict[bytes, str]:
    """Return those headers of a request that mean something here, or to the running experiment.

    A proxy of HTTP/2 may hand on cookies in several lines, which are one (RFC 9113, 8.2.3); of others the last counts.
    """
    found = {name: value.decode("latin-1") for name, value in headers if name in WANTED_HEADERS or name in also}
    if b"cookie" in found:
        found[b"cookie"] = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    return found
