"""The outermost layer, driven as uvicorn would, over stand-ins for models and BentoML."""

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from service.experiments.experiments import Experiments
from service.serving import body
from service.serving import refusals as unread
from service.serving.front import Front
from service.serving.queue import RowQueue
from service.serving.refusals import Refusals
from service.serving.settings import INLINE_MS
from service.serving.spread import Spread
from service.variants.registry import Registry
from tests.service.stand_in import StandIn, loaded

JSON = (b"content-type", b"application/json")
ASK = b'{"texts": ["a"]}'


async def bentoml(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"BentoML"})


def front(predictor: StandIn | None = None, alone: float = 0.1, **options: Any) -> Front:
    registry = Registry({"int8": loaded(alone=alone, predictor=predictor)})
    return Front(
        bentoml, registry, Experiments("int8"), RowQueue(1000.0), Spread(None, 0, 1), **{"deadline_s": 5.0, **options}
    )


class Exchange:
    """One request to the app and what it sent."""

    def __init__(self, chunks: list[bytes], leaves: bool = False) -> None:
        self.chunks, self.leaves = list(chunks), leaves
        self.status, self.headers, self.body = 0, dict[str, str](), b""

    async def receive(self) -> Any:
        if self.chunks:
            return {"type": "http.request", "body": self.chunks.pop(0), "more_body": bool(self.chunks)}
        if not self.leaves:
            await asyncio.sleep(20)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


def call(
    app: Front,
    path: str = "/int8/predict",
    method: str = "POST",
    chunks: tuple[bytes, ...] = (ASK,),
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,),
    leaves: bool = False,
) -> Exchange:
    exchange = Exchange(list(chunks), leaves)
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(app(scope, exchange.receive, exchange.send))
    return exchange


def test_a_body_may_come_in_pieces() -> None:
    exchange = call(front(), chunks=(b'{"te', b'xts": [', b'"a"]}'))
    assert exchange.status == 200
    assert json.loads(exchange.body)["predictions"][0]["label"] == "late"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/static_content/swagger-ui.css"])
def test_health_metrics_and_files_are_bentomls(path: str) -> None:
    assert call(front(), path, "GET").body == b"BentoML"


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/schema.json", "/static_content/swagger-ui.css"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
def test_what_is_bentomls_is_read_alone(path: str, method: str) -> None:
    exchange = call(front(), path, method)
    assert (exchange.status, exchange.headers["allow"]) == (405, "GET, HEAD")
    assert list(json.loads(exchange.body)) == ["error"]


@pytest.mark.parametrize("path", ["/static_content/a", "/static_content/../x", "/static_content/", "//livez"])
def test_what_bentoml_would_count_by_its_path_is_not_passed_on(path: str) -> None:
    exchange = call(front(), path, "GET")
    assert exchange.status == 404
    assert list(json.loads(exchange.body)) == ["error"]


@pytest.mark.parametrize("path", ["/nope", "/int8", "/int8/predict/", "//predict", "/v2/models", "/v2/models/int8/x"])
def test_what_there_is_not_is_said(path: str) -> None:
    exchange = call(front(), path)
    assert exchange.status == 404
    assert list(json.loads(exchange.body)) == ["error"]


def test_the_path_prefix_stands_before_every_route() -> None:
    app = front(path_prefix="/a/b")
    assert call(app, "/a/b/int8/predict").status == 200
    assert call(app, "/a/b/livez", "GET").body == b"BentoML"
    assert call(app, "/a/b/", "GET").status == 200
    assert call(app, "/int8/predict").status == 404
    for path in ("/livez", "/metrics", "/schema.json", "/static_content/swagger-ui.css"):
        assert call(app, path, "GET").status == 404
    for path in ("/a/bXYZ/int8/predict", "/a/bint8/predict", "/a/b", "/a/b.int8/predict"):
        assert call(app, path).status == (308 if path == "/a/b" else 404)


def test_the_bare_prefix_leads_to_the_page_whose_relative_addresses_need_the_slash() -> None:
    exchange = call(front(path_prefix="/a/b"), "/a/b", "GET")
    assert (exchange.status, exchange.headers["location"]) == (308, "b/")


def test_a_browser_that_holds_a_page_gets_it_once() -> None:
    first = call(front(), "/", "GET")
    held = (b"if-none-match", first.headers["etag"].encode())
    again = call(front(), "/", "GET", headers=(held,))
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers
    assert again.headers["etag"] == first.headers["etag"]
    assert call(front(), "/", "GET", headers=((b"if-none-match", b'"another"'),)).body == first.body


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "GET", "PATCH"])
def test_another_method_is_refused(method: str) -> None:
    exchange = call(front(), method=method)
    assert (exchange.status, exchange.headers["allow"]) == (405, "POST")


def test_an_error_of_ours_is_a_counted_answer_at_once(caplog: pytest.LogCaptureFixture) -> None:
    app = front()

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError(" ".join(("not", "foreseen")))

    app._service = app._service._replace(run=fail)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        exchange = call(app, headers=(JSON, (b"x-request-id", b"abc")))
    assert exchange.status == 500
    assert json.loads(exchange.body) == {"error": "the service failed; its log says why, for request abc"}
    assert "builtins.ZeroDivisionError" in caplog.text and "not foreseen" not in caplog.text


def test_a_text_that_the_model_fails_on_is_a_sentence() -> None:
    exchange = call(front(), chunks=(b'{"texts": ["a", "bad"]}',))
    assert exchange.status == 500
    assert json.loads(exchange.body) == {"error": "'int8' failed on texts[1] (ValueError)"}


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", "", "9" * 20])
def test_a_time_limit_that_is_none_is_refused(given: str) -> None:
    exchange = call(front(), headers=(JSON, (b"x-request-timeout-ms", given.encode())))
    assert exchange.status == 400
    assert json.loads(exchange.body)["error"].startswith(f"X-Request-Timeout-Ms is '{given}'")


def test_a_client_may_wait_for_less_and_not_for_more() -> None:
    many = json.dumps({"texts": ["a"] * 100}).encode()
    for given, status in (("1000", 200), ("1", 413), ("999999", 200)):
        exchange = call(front(alone=1.0), chunks=(many,), headers=(JSON, (b"x-request-timeout-ms", given.encode())))
        assert exchange.status == status


def test_times_are_told_where_they_are_asked_for() -> None:
    assert "server-timing" not in call(front()).headers
    told = call(front(), headers=(JSON, (b"x-server-timing", b"1"))).headers["server-timing"]
    assert told.startswith("queue;dur=")


def test_nobody_is_answered_who_went_away() -> None:
    assert call(front(), chunks=(), leaves=True).status == 0
    predictor = StandIn()
    exchange = call(front(predictor, INLINE_MS + 1), chunks=(b'{"texts": ["wait"]}',), leaves=True)
    predictor.go_on.set()
    assert exchange.status == 0


def test_bodies_are_held_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_BODIES", 20)
    app = front()
    exchange = call(app, chunks=(ASK + b" " * 10,))
    assert (exchange.status, exchange.headers["retry-after"]) == (429, "1")
    for _ in range(3):  # what was held is let go
        assert call(app).status == 200


@pytest.mark.parametrize(("share", "lines"), [(0.0, 0), (1.0, 1)])
def test_the_access_log_is_a_share_of_the_requests(share: float, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bentoml.bonsai.access"):
        call(front(access_log=share), headers=(JSON, (b"x-request-id", b"abc")))
    assert len(caplog.records) == lines
    assert all("POST '/int8/predict' 200" in line and "request abc" in line for line in caplog.messages)


def test_what_is_refused_unread_is_told_by_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "UNSEEN_S", 60.0)  # what is let through is under way for as long as this test takes
    app, refusals = front(alone=0.1), Refusals()
    variant = app._service.registry.find("int8")
    slow = variant._replace(cost=variant.cost._replace(character=INLINE_MS))
    app._service.registry.swap({"int8": slow})
    app._refusals, app._queue._most_wait_ms = refusals, -1.0
    text = "a" * 60
    assert call(app, chunks=(json.dumps({"texts": [text]}).encode(),)).status == 429
    app._queue._most_wait_ms = 80.0
    for size, refused in ((60, True), (20, False)):
        found = [refusals.find(b"/int8/predict", [(b"content-length", b"%d" % size)]) for _ in range(2)]
        assert (found[1] is not None) == refused


def test_what_is_refused_unread_follows_the_variant_that_is_served_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "UNSEEN_S", 60.0)
    app, refusals = front(alone=INLINE_MS + 1), Refusals()
    app._refusals = refusals
    app._queue._most_wait_ms = -1.0  # whatever comes has too much before it
    exchange = call(app)
    assert exchange.status == 429
    app._queue._most_wait_ms = 1.0
    assert [refusals.find(b"/int8/predict") is None for _ in range(3)] == [True, False, False]  # one is under way
    registry = app._service.registry
    registry.swap({"int8": loaded(alone=0.1)})  # which nobody waits for
    assert [refusals.find(b"/int8/predict") is None for _ in range(3)] == [True, True, True]
    registry.swap({"int8": loaded(alone=INLINE_MS + 1)})
    refused = refusals.find(b"/int8/predict")
    assert refused is not None
    registry.swap({"nano": loaded("nano")})
    assert refused.answer([], True, time.monotonic()).startswith(b"HTTP/1.1 429")  # its headers came before
    assert refusals.find(b"/int8/predict") is None
    assert call(app).status == 404
