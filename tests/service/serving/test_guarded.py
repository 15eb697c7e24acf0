"""A guarded service: a real process of two workers with keys, TLS and every request in its log."""

import asyncio
import base64
import contextlib
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tritonclient.http as triton
from playwright.sync_api import expect, sync_playwright

from service.keys.__main__ import new, remove
from service.keys.entries import make_key
from tests.service.conftest import PATIENT, ROOT, serving, until
from tests.service.routes.test_page import CHROMIUM, needs_chromium
from tests.service.serving.test_ending import certified
from tests.service.serving.test_operation import one_by_one
from tests.service.serving.test_protocol import answer

BENTOML = Path(sys.executable).with_name("bentoml")
SECRET = "xyzzy-marker-of-a-text"  # what no log and no metric may hold
TEXTS = json.dumps({"texts": ["where is my parcel"]}).encode()
TENSORS = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["where is my parcel"]}]}
FEEDBACK = json.dumps({"feedback": [{"prediction_id": "p", "label": "late"}]}).encode()
BINARY = json.dumps(
    {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}]}
).encode()
OCTETS = f"content-type: application/octet-stream\r\ninference-header-content-length: {len(BINARY)}\r\n"
# Every way that a text, or the truth about one, comes in: path, body, other headers; and what a good key gets.
WAYS: dict[str, tuple[str, bytes, str, int]] = {
    "the short way": ("/int8/predict", TEXTS, "", 200),
    "with a query": ("/int8/predict?a=b", TEXTS, "", 200),
    "written otherwise": ("/int%38/predict", TEXTS, "", 200),
    "in chunks": ("/int8/predict", TEXTS, "transfer-encoding: chunked\r\n", 200),
    "expecting": ("/int8/predict", TEXTS, "expect: 100-continue\r\n", 200),
    "a large body": ("/int8/predict", json.dumps({"texts": ["where is my parcel"] * 4000}).encode(), "", 200),
    "a bad body": ("/int8/predict", b"{", "", 400),
    "an unknown variant": ("/nope/predict", TEXTS, "", 404),
    "assigned": ("/predict", TEXTS, "", 200),
    "v2": ("/v2/models/int8/infer", json.dumps(TENSORS).encode(), "", 200),
    "v2 in bytes": ("/v2/models/int8/infer", BINARY + b"\1\0\0\0a", OCTETS, 200),
    "v2 of a version": ("/v2/models/int8/versions/VERSION/infer", json.dumps(TENSORS).encode(), "", 200),
    "v1": ("/v1/models/int8:predict", json.dumps({"instances": ["where is my parcel"]}).encode(), "", 200),
    "feedback": ("/feedback", FEEDBACK, "", 400),
}
OPEN = ("/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready", "/", "/docs", "/docs.json", "/variants")


class Guarded(NamedTuple):
    host: str
    log: Path
    keys: Path
    certificate: Path
    shop: str  # a key that may predict
    ops: str  # one that may administer
    slow: str  # one that may ask for little

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture(scope="module")
def guarded(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    (certificate, private), keys = certified(folder), folder / "keys"
    shop, ops = new(keys, "shop", "predict", None, None), new(keys, "ops", "admin", None, None)
    slow = new(keys, "slow", "predict", 0.001, 3)
    settings = {
        "BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "2", "BONSAI_KEYS": str(keys), "BONSAI_ACCESS_LOG": "1",
        "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}", **PATIENT,
    }  # fmt: skip
    log = folder / "log.txt"
    with serving("service.service:bonsai", ROOT, settings, BENTOML, log, certificate=(certificate, private)) as host:
        yield Guarded(host, log, keys, certificate, shop, ops, slow)


def ask(
    guarded: Guarded, path: str, body: bytes | None = None, key: str | None = None, extra: str = "", method: str = ""
) -> tuple[int, dict[str, str], bytes]:
    """Send one request over a connection of its own."""
    shown = "" if key is None else f"authorization: Bearer {key}\r\n"
    kind = "" if "content-type" in extra or body is None else "content-type: application/json\r\n"
    head = f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1\r\nhost: x\r\n{shown}{kind}{extra}"
    if body is None:
        message = head.encode("latin-1") + b"\r\n"
    elif "chunked" in extra:
        message = head.encode() + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        message = head.encode("latin-1") + b"content-length: %d\r\n\r\n%s" % (len(body), body)

    async def run() -> tuple[int, dict[str, str], bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=guarded.trust)
        writer.write(message)
        status, headers, content = 100, dict[str, str](), b""
        if "100-continue" in extra:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if not head.startswith(b"HTTP/1.1 100"):  # refused before the body was asked for
                status, headers = int(head.split()[1]), {}
        if status == 100:
            status, headers, content = await asyncio.wait_for(answer(reader), 30)
        await close(writer)
        return status, headers, content

    return asyncio.run(run())


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the other side was first
        await writer.wait_closed()


def version(guarded: Guarded) -> str:
    return str(json.loads(ask(guarded, "/v2/models/int8")[2])["versions"][0])


@pytest.mark.parametrize("way", WAYS)
def test_a_prediction_asks_for_a_key_whichever_way_it_enters(guarded: Guarded, way: str) -> None:
    path, body, extra, good = WAYS[way]
    path = path.replace("VERSION", version(guarded))
    for key in (None, make_key(), guarded.shop[:-1], "x"):
        status, headers, content = ask(guarded, path, body, key, extra)
        assert status == 401
        if content:
            assert headers["www-authenticate"] == "bearer"
            said = "this service asks for an API key" if key is None else "the API key is not valid"
            assert json.loads(content)["error"].startswith(f"{said}; expected 'Authorization: Bearer …'")
    status, _, content = ask(guarded, path, body, guarded.ops, extra)
    assert status == 403
    if content:
        assert "the key 'ops' is of the role admin" in json.loads(content)["error"]
    assert ask(guarded, path, body, guarded.shop, extra)[0] == good


def test_a_login_with_the_keys_name_predicts(guarded: Guarded) -> None:
    for login, status in ((f"shop:{guarded.shop}", 200), (f"other:{guarded.shop}", 401), ("shop:x", 401)):
        shown = f"authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
        assert ask(guarded, "/int8/predict", TEXTS, None, shown)[0] == status


def test_what_changes_things_asks_for_the_other_key(guarded: Guarded) -> None:
    for path, body, method in (
        ("/experiments", None, "GET"), ("/experiments", b"{}", "POST"), ("/variants", b"{}", "POST"),
        ("/builds", None, "GET"), ("/variants/int8", None, "DELETE"), ("/experiments/a/units/b", None, "DELETE"),
    ):  # fmt: skip
        assert ask(guarded, path, body, None, method=method)[0] == 401
        assert ask(guarded, path, body, make_key(), method=method)[0] == 401
        assert ask(guarded, path, body, guarded.shop, method=method)[0] == 403
    assert ask(guarded, "/experiments", None, guarded.ops)[0] == 200
    assert ask(guarded, "/builds", None, guarded.ops)[0] == 200
    assert ask(guarded, "/variants", b"{}", guarded.ops)[0] == 400


@pytest.mark.parametrize("path", OPEN)
def test_health_metrics_and_pages_ask_for_none(guarded: Guarded, path: str) -> None:
    assert ask(guarded, path)[0] == 200


def test_behind_one_another_on_a_connection_each_request_shows_its_own_key(guarded: Guarded) -> None:
    def request(key: str | None) -> bytes:
        shown = "" if key is None else f"authorization: Bearer {key}\r\n"
        head = f"POST /int8/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{shown}"
        return f"{head}content-length: {len(TEXTS)}\r\n\r\n".encode() + TEXTS

    async def run() -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=guarded.trust)
        writer.write(b"".join(map(request, (guarded.shop, None, guarded.ops, guarded.shop))))
        found = [(await asyncio.wait_for(answer(reader), 30))[0] for _ in range(4)]
        await close(writer)
        return found

    assert asyncio.run(run()) == [200, 401, 403, 200]


def test_keys_are_rotated_on_all_workers_without_a_restart(guarded: Guarded) -> None:
    key = new(guarded.keys, "rotated", "predict", None, None)

    def statuses(of: str) -> list[int]:
        return [ask(guarded, "/int8/predict", TEXTS, of)[0] for _ in one_by_one(guarded.host)]

    until(lambda: statuses(key) == [200, 200])
    whole = guarded.keys.read_text()
    guarded.keys.write_text("shop predict")  # half of a line
    until(lambda: len(re.findall(r"the keys stay as they are: .*line 1: 2 words", guarded.log.read_text())) == 2)
    assert statuses(key) == statuses(guarded.shop) == [200, 200]
    guarded.keys.write_text(whole)
    remove(guarded.keys, "rotated")
    until(lambda: statuses(key) == [401, 401])
    assert statuses(guarded.shop) == [200, 200]


def test_a_key_asks_for_no_more_than_it_may_on_all_workers_together(guarded: Guarded) -> None:
    found = [ask(guarded, "/int8/predict", TEXTS, guarded.slow) for _ in range(12)]
    assert sorted(status for status, *_ in found) == [200] * 3 + [429] * 9
    _, headers, content = found[-1]
    assert 500 <= int(headers["retry-after"]) <= 1000
    assert json.loads(content)["error"].startswith("the key 'slow' may ask for 0.001 texts a second and 3 at once; try")
    bulk = json.dumps({"texts": ["a"] * 100}).encode()
    assert ask(guarded, "/int8/predict", bulk, guarded.slow)[0] == 429
    assert ask(guarded, "/int8/predict", bulk, guarded.shop)[0] == 200


def test_many_connections_with_tls_are_answered_by_both_workers(guarded: Guarded) -> None:
    head = "POST /int8/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    message = f"{head}authorization: Bearer {guarded.shop}\r\ncontent-length: {len(TEXTS)}\r\n\r\n".encode() + TEXTS

    async def one(trust: ssl.SSLContext) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=trust)
        closed = 0
        for _ in range(10):
            writer.write(message)
            status, headers, _ = await asyncio.wait_for(answer(reader), 60)
            assert status == 200
            if headers.get("connection") == "close":  # this worker has more than its share
                closed += 1
                assert await asyncio.wait_for(reader.read(), 30) == b""
                await close(writer)
                reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=trust)
        await close(writer)
        return closed

    async def run() -> None:
        trust = guarded.trust
        await asyncio.gather(*(one(trust) for _ in range(60)))

    asyncio.run(run())


def test_tls_is_new_enough_and_nothing_is_answered_in_the_clear(guarded: Guarded) -> None:
    async def negotiated() -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=guarded.trust)
        try:
            return str(writer.get_extra_info("ssl_object").version())
        finally:
            await close(writer)

    assert asyncio.run(negotiated()) == "TLSv1.3"
    old = ["openssl", "s_client", "-connect", f"127.0.0.1:{guarded.port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
    assert subprocess.run(old, input=b"", capture_output=True, timeout=600).returncode != 0

    async def plain() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), 30)
        except ConnectionError:
            return b""
        finally:
            await close(writer)

    assert b"HTTP" not in asyncio.run(plain())


def test_tritons_client_predicts_with_a_key_over_tls(guarded: Guarded) -> None:
    given = triton.InferInput("text", [1], "BYTES")
    given.set_data_from_numpy(np.array([b"where is my parcel"], dtype=np.object_), binary_data=True)
    host = f"127.0.0.1:{guarded.port}"
    with triton.InferenceServerClient(host, ssl=True, ssl_context_factory=lambda: guarded.trust) as client:
        with pytest.raises(triton.InferenceServerException, match="asks for an API key"):
            client.infer("int8", [given])
        result = client.infer("int8", [given], headers={"Authorization": f"Bearer {guarded.shop}"})
        assert result.as_numpy("score").shape == (1,)


@pytest.mark.parametrize("path", ["/", "/docs", "/assets/page.js", "/assets/page.css", "/assets/icon.svg"])
def test_pages_say_what_a_browser_may_do_with_them(guarded: Guarded, path: str) -> None:
    _, headers, _ = ask(guarded, path)
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "script-src" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/livez", "/metrics", "/int8/predict", "/nope", "/static_content/index.css"])
def test_nothing_says_which_software_answers_and_no_other_origin_is_let_in(guarded: Guarded, path: str) -> None:
    origin = "origin: https://else.example\r\n"
    asked = f"{origin}access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n"
    for method, extra in (("GET", origin), ("OPTIONS", asked)):
        _, headers, _ = ask(guarded, path, extra=extra, method=method)
        assert not {"server", "x-powered-by"} & headers.keys()
        assert not [name for name in headers if name.startswith("access-control-")]


@needs_chromium
def test_the_page_asks_for_a_key_and_predicts_with_it(guarded: Guarded) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(ignore_https_errors=True).new_page()
        asked = list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(guarded.host)
        key = page.get_by_label("API key")
        expect(key).to_be_hidden()
        page.get_by_label("A text, as your users would write it").fill("where is my parcel")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#asked")).to_contain_text("this service asks for an API key")
        for given, said in ((guarded.ops, "is of the role admin"), (guarded.shop, " answered")):
            key.fill(given)
            page.keyboard.press("Enter")
            expect(page.locator("#asked")).to_contain_text(said)
        expect(key).to_be_hidden()
        page.get_by_label("Admin key").fill(guarded.ops)
        page.keyboard.press("Enter")
        expect(page.locator("#experiments-said")).to_contain_text("There is no experiment")
        browser.close()
    assert all(url.startswith(guarded.host) for url in asked)


BAD: list[tuple[str, bytes | None, str]] = [
    ("/int8/predict", json.dumps({"texts": [SECRET], SECRET: 1}).encode(), ""),
    ("/int8/predict", json.dumps({"texts": [SECRET, ""]}).encode(), ""),
    ("/int8/predict", json.dumps({"texts": SECRET}).encode(), ""),
    ("/int8/predict", json.dumps({"texts": ["a"], "top_k": SECRET}).encode(), ""),
    ("/int8/predict", b'{"texts": ["' + SECRET.encode() + b"\xff", ""),
    ("/int8/predict", SECRET.encode(), "content-type: text/plain\r\n"),
    ("/predict", json.dumps({"texts": [SECRET], "user": SECRET}).encode(), ""),
    ("/feedback", json.dumps({"feedback": [{"prediction_id": SECRET, "label": SECRET}]}).encode(), ""),
    ("/v2/models/int8/infer", json.dumps({**TENSORS, "id": SECRET}).encode(), ""),
    ("/v2/models/int8/infer", json.dumps({"inputs": [{**TENSORS["inputs"][0], "data": [SECRET] * 2}]}).encode(), ""),
    ("/v1/models/int8:predict", json.dumps({"instances": [SECRET, {"text": SECRET}]}).encode(), ""),
    ("/v1/models/int8:predict", json.dumps({"instances": [SECRET]}).encode(), ""),
    ("/int8/predict", json.dumps({"texts": [SECRET * 100] * 50}).encode(), ""),
]


def test_no_text_is_logged_or_counted(guarded: Guarded) -> None:
    def logged() -> int:
        return guarded.log.read_text(errors="replace").count("POST '/int8/predict'")

    before, asked = logged(), 1 + 2 * sum(path == "/int8/predict" for path, *_ in BAD)
    for path, body, extra in BAD:
        for key in (guarded.shop, None):
            ask(guarded, path, body, key, extra)
    assert ask(guarded, "/int8/predict", json.dumps({"texts": [SECRET]}).encode(), guarded.shop)[0] == 200
    until(lambda: logged() == before + asked)  # every request has its line
    metrics = [ask(guarded, "/metrics")[2].decode() for _ in one_by_one(guarded.host)]
    for place in (*metrics, guarded.log.read_text(errors="replace")):
        assert SECRET not in place
        for key in (guarded.shop, guarded.ops, guarded.slow):
            assert key not in place and key[7:] not in place


INJECTED = "\x1b]0;owned\x07\x1b[2JERROR forged line"


@pytest.mark.parametrize("how", ["request id", "path", "variant", "build", "experiment", "version", "method"])
def test_no_line_of_the_log_is_of_a_callers_making(guarded: Guarded, how: str) -> None:
    quoted = "%1b%5D0;owned%07%0a%0dERROR%20forged%20line%E2%80%A8x"
    before = guarded.log.read_text(errors="replace")
    match how:
        case "request id":
            raw = INJECTED.replace("\x07", "")
            ask(guarded, "/int8/predict", TEXTS, guarded.shop, f"x-request-id: {raw}\r\n")
            ask(guarded, "/int8/predict", TEXTS, guarded.shop, "x-request-id: a\tforged\r\n")
        case "path":
            ask(guarded, f"/{quoted}")
        case "variant":
            ask(guarded, f"/{quoted}/predict", TEXTS, guarded.shop)
        case "build":
            ask(guarded, f"/builds/{quoted}", None, guarded.ops)
        case "experiment":
            ask(guarded, f"/experiments/{quoted}", None, guarded.ops)
        case "version":
            ask(guarded, f"/v2/models/int8/versions/{quoted}")
        case "method":
            ask(guarded, "/int8/predict", None, None, method="PROPFIND")

    def added() -> str:
        return guarded.log.read_text(errors="replace").removeprefix(before)

    until(lambda: added().strip())
    for line in added().splitlines():
        assert "\x1b]" not in line and "\x07" not in line
        assert not re.match(r"\W*ERROR forged", line), line
