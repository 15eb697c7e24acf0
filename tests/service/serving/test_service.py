"""The service as its clients see it: a real process, real requests."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import bentoml
import pytest

from models.runtime.loading import load_variants
from tests.service.conftest import ROOT, serving

VARIANTS = ["teacher", "pruned", "int8", "distilled", "distilled_int8", "trimmed", "cascade"]
JSON = {"Content-Type": "application/json"}


def call(
    url: str, body: bytes | None = None, method: str | None = None, headers: dict[str, str] = JSON
) -> tuple[int, Any, dict[str, str]]:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            status, content, fields = response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        status, content, fields = error.code, error.read(), error.headers
    return (
        status,
        json.loads(content) if fields.get_content_type() == "application/json" else content,
        {k.lower(): v for k, v in fields.items()},
    )


def predict(host: str, variant: str, **body: Any) -> tuple[int, Any, dict[str, str]]:
    return call(f"{host}/{variant}/predict", json.dumps(body).encode())


def test_cards_are_those_of_the_build_teacher_first(host: str, built: Path) -> None:
    status, answer, _ = call(f"{host}/variants")
    assert status == 200
    assert [card["name"] for card in answer["variants"]] == VARIANTS
    for card in answer["variants"]:
        assert card.pop("startup_check") == {
            "texts": len((built / "corpus.jsonl").read_text().splitlines()),
            "differing": 0,
        }
        measured = json.loads((built / card["name"] / "measured.json").read_text())
        assert card["measured"]["here"] is True
        assert card.pop("measured")["mean_ms"] == measured["mean_ms"]
        assert card == json.loads((built / card["name"] / "card.json").read_text())


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_equal_the_evaluated_labels(host: str, built: Path, variant: str) -> None:
    for line in (built / "corpus.jsonl").read_text().splitlines():
        row = json.loads(line)
        status, answer, _ = predict(host, variant, texts=[row["text"]])
        assert status == 200
        assert answer["predictions"][0]["label"] == row["expected"][variant]


def test_order_top_k_and_version(host: str, built: Path) -> None:
    texts = ["where is my parcel now please", "cancel", "money back", "x" * 3000]
    card, classifier = load_variants({"teacher": built / "teacher"})["teacher"]
    status, answer, _ = predict(host, "teacher", texts=texts, top_k=3)
    assert status == 200
    assert answer["version"] == card.version
    for given, expected in zip(answer["predictions"], classifier.predict(texts, 3), strict=True):
        assert [entry["label"] for entry in given["top"]] == [label for label, _ in expected.top]
        assert given["score"] == pytest.approx(expected.top[0][1], abs=1e-5)
        assert given["truncated"] is expected.truncated


def test_request_id_is_echoed_or_made(host: str) -> None:
    status, answer, headers = call(
        f"{host}/int8/predict", b'{"texts": ["a"]}', headers={**JSON, "X-Request-Id": "abc-1"}
    )
    assert (status, answer["request_id"], headers["x-request-id"]) == (200, "abc-1", "abc-1")
    assert re.fullmatch(r"[0-9a-f]{32}", predict(host, "int8", texts=["a"])[1]["request_id"])


BAD_BODIES = {
    "not JSON": (b"{", 400, "not JSON"),
    "not UTF-8": (b'{"texts": ["\xff"]}', 400, "not JSON"),
    "lone surrogate": (rb'{"texts": ["\ud800"]}', 400, "not JSON"),
    "an array": (b"[]", 400, "array"),
    "empty": (b"", 400, "not JSON"),
    "texts missing": (b"{}", 400, "'texts' is missing"),
    "texts not a list": (b'{"texts": "a"}', 400, "texts is a JSON string"),
    "texts empty": (b'{"texts": []}', 400, "empty list"),
    "a number among texts": (b'{"texts": ["a", 1]}', 400, "texts[1] is a JSON number"),
    "null among texts": (b'{"texts": [null]}', 400, "texts[0] is a JSON null"),
    "an empty string": (b'{"texts": ["a", ""]}', 400, "texts[1] is an empty string"),
    "a blank string": (b'{"texts": [" \\n"]}', 400, "texts[0] is blank"),
    "unknown key": (b'{"texts": ["a"], "topk": 2}', 400, "'topk'"),
    "top_k zero": (b'{"texts": ["a"], "top_k": 0}', 400, "'top_k' is 0"),
    "top_k a string": (b'{"texts": ["a"], "top_k": "2"}', 400, "'top_k' is \"2\""),
    "top_k true": (b'{"texts": ["a"], "top_k": true}', 400, "'top_k' is true"),
    "top_k too large": (b'{"texts": ["a"], "top_k": 99}', 400, "the number of labels"),
    "5,000 texts": (json.dumps({"texts": ["a"] * 5000}).encode(), 413, "4096"),
    "9 MiB": (json.dumps({"texts": ["a" * (9 * 2**20)]}).encode(), 413, "8 MiB"),
    "deep nesting": (b'{"texts": ' + b"[" * 100_000, 400, "not JSON"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_body_is_refused_in_one_sentence(host: str, name: str) -> None:
    body, status, part = BAD_BODIES[name]
    given, answer, _ = call(f"{host}/distilled/predict", body)
    assert given == status
    assert list(answer) == ["error"]
    assert part in answer["error"]
    assert "\n" not in answer["error"] and "Traceback" not in answer["error"] and len(answer["error"]) < 300
    assert predict(host, "distilled", texts=["still here"])[0] == 200


def test_unknown_variant_lists_the_variants(host: str) -> None:
    status, answer, _ = predict(host, "nope", texts=["a"])
    assert status == 404
    assert all(name in answer["error"] for name in VARIANTS)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "int8/predict", "POST"), ("PUT", "int8/predict", "POST"), ("DELETE", "variants", "GET, HEAD, POST")],
)
def test_wrong_method_says_the_right_one(host: str, method: str, path: str, allow: str) -> None:
    status, answer, headers = call(f"{host}/{path}", b"{}" if method == "PUT" else None, method=method)
    assert (status, headers["allow"]) == (405, allow)
    assert allow in answer["error"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/vnd.bentoml+pickle",
        "application/xml; charset=utf-8",
    ],
)
def test_wrong_content_type(host: str, content_type: str) -> None:
    status, answer, _ = call(f"{host}/int8/predict", b'{"texts": ["a"]}', headers={"Content-Type": content_type})
    assert status == 415
    assert "application/json" in answer["error"]


def test_compressed_body_is_refused(host: str) -> None:
    assert call(f"{host}/int8/predict", b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"})[0] == 415


@pytest.mark.parametrize(
    "text", ["a\x00b", "\x00", "مرحبا أين طردي", "שלום", "🙂🙃👩‍👩‍👧‍👦", "\u202eabc", "A\u0301" * 50, "\ufffe"]
)
def test_unusual_text_is_answered(host: str, text: str) -> None:
    status, answer, _ = predict(host, "int8", texts=[text])
    assert status == 200
    assert len(answer["predictions"]) == 1


@pytest.mark.parametrize("text", ["parcel " * 150_000, "a" * 2**20])
def test_a_megabyte_of_text_is_truncated_and_says_so(host: str, text: str) -> None:
    status, answer, _ = predict(host, "int8", texts=[text])
    assert status == 200
    assert answer["predictions"][0]["truncated"] is True


def test_the_largest_request_keeps_its_order(host: str) -> None:
    texts = [["where is my parcel", "cancel my order please", "money"][number % 3] for number in range(4096)]
    status, answer, _ = predict(host, "teacher", texts=texts)
    assert status == 200
    single = [predict(host, "teacher", texts=[text])[1]["predictions"][0]["label"] for text in texts[:3]]
    assert [entry["label"] for entry in answer["predictions"]] == [single[number % 3] for number in range(4096)]


def test_the_requests_of_the_pages_are_answered(host: str) -> None:
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/serving.md")]
    lines = [shlex.split(line) for page in pages for line in re.findall(r"^curl (?!.*ADMIN_KEY).*", page, re.MULTILINE)]
    assert lines
    for line in lines:
        given = dict(pairwise(line))  # an option and its value
        (url,) = [word for word in line if word.startswith("localhost:3000/")]
        header = dict([given["-H"].split(": ")]) if "-H" in given else {}
        body = given["-d"].encode() if "-d" in given else None
        status, answer, _ = call(url.replace("localhost:3000", host).replace("/nano/", "/int8/"), body, headers=header)
        assert status == 200
        assert len(answer["predictions"]) == len(json.loads(given["-d"])["texts"]) if body else answer["variants"]


def test_openapi_lists_every_endpoint_with_its_schema(host: str) -> None:
    _, answer, _ = call(f"{host}/docs.json")
    for name in VARIANTS:
        operation = answer["paths"][f"/{name}/predict"]["post"]
        asked = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        given = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        assert set(answer["components"]["schemas"][asked]["properties"]) == {"texts", "top_k"}
        assert "predictions" in answer["components"]["schemas"][given]["properties"]
        assert {"400", "404", "405", "413", "415", "429", "500", "503"} < operation["responses"].keys()


def test_bentoml_client_calls_every_variant(host: str) -> None:
    with bentoml.SyncHTTPClient(host) as client:
        for name in VARIANTS:
            answer = getattr(client, name)(texts=["where is my parcel"], top_k=2)
            assert answer["variant"] == name
            assert len(answer["predictions"][0]["top"]) == 2


def test_metrics_carry_variant_and_version(host: str) -> None:
    _, answer, _ = predict(host, "int8", texts=["a", "b"])
    predict(host, "int8", texts=[])
    metrics = call(f"{host}/metrics")[1].decode()
    assert re.search(rf'bonsai_texts_total{{variant="int8",version="{answer["version"]}"}} \d', metrics)
    assert re.search(r'bonsai_requests_total{[^}]*status="400"', metrics)
    assert re.search(rf'bonsai_startup_check_texts{{variant="int8",version="{answer["version"]}"}} [1-9]', metrics)
    assert f'bonsai_startup_check_differing{{variant="int8",version="{answer["version"]}"}} 0.0' in metrics


def test_health_routes(host: str) -> None:
    assert [call(f"{host}/{route}")[0] for route in ("livez", "readyz")] == [200, 200]


def test_nothing_built_says_the_command_in_one_line(tmp_path: Path, bentoml_home: Path) -> None:
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", "service.service:bonsai"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "BONSAI_VARIANTS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = (done.stdout + done.stderr).strip()
    assert done.returncode != 0
    assert "python -m models.build" in said
    assert len(said.splitlines()) == 1, said


# Last, because servers that share a BentoML home share its folder of metrics, and a new one clears it.
@pytest.mark.parametrize("corpus", ["of other labels", "gone"])
def test_other_labels_at_the_start_are_said_and_none_are_needed(built: Path, tmp_path: Path, corpus: str) -> None:
    rows = [json.loads(line) for line in (built / "corpus.jsonl").read_text().splitlines()]
    shutil.copyfile(built / "build.json", tmp_path / "build.json")
    if corpus != "gone":
        other = [{**row, "expected": {**row["expected"], "int8": "another"}} for row in rows]
        (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    log = tmp_path / "log.txt"
    with serving(
        "service.service:bonsai",
        ROOT,
        {"BONSAI_VARIANTS": str(tmp_path)},
        Path(sys.executable).with_name("bentoml"),
        log,
    ) as address:
        checks = {card["name"]: card["startup_check"] for card in call(f"{address}/variants")[1]["variants"]}
        metrics = call(f"{address}/metrics")[1].decode()
        assert predict(address, "int8", texts=["where is my parcel"])[0] == 200
    asked = 0 if corpus == "gone" else len(rows)
    assert checks == {name: {"texts": asked, "differing": asked if name == "int8" else 0} for name in VARIANTS}
    assert re.search(rf'bonsai_startup_check_differing{{variant="int8",version="\w+"}} {asked}.0', metrics)
    said = (
        "no start-up check"
        if corpus == "gone"
        else f"variant 'int8': {asked} of {asked} test texts get another label than when it was built"
    )
    assert said in log.read_text()
