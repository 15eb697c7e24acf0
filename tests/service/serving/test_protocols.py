"""The same variants for the clients of Triton and KServe, and for browsers: a real process."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from tests.service.serving.test_operation import one_by_one
from tests.service.serving.test_service import VARIANTS, call, predict

TEXTS = ["where is my parcel", "kde je môj balík", "money back please"]


@pytest.fixture(scope="module")
def client(host: str) -> Any:
    with triton.InferenceServerClient(host.removeprefix("http://")) as given:
        yield given


def text_input(texts: list[str], binary: bool = True) -> Any:
    given = triton.InferInput("text", [len(texts)], "BYTES")
    given.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=np.object_), binary_data=binary)
    return given


def test_tritons_client_finds_the_server_and_its_models(client: Any, host: str) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    cards = {card["name"]: card for card in call(f"{host}/variants")[1]["variants"]}
    for name in VARIANTS:
        assert client.is_model_ready(name) and client.is_model_ready(name, cards[name]["version"])
        metadata = client.get_model_metadata(name)
        assert metadata["versions"] == [cards[name]["version"]]
        assert [entry["name"] for entry in metadata["inputs"]] == ["text"]
    assert not client.is_model_ready("nope") and not client.is_model_ready("int8", "7")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("name", ["teacher", "int8", "cascade"])
def test_tritons_client_gets_what_the_typed_route_gives(
    client: Any, host: str, name: str, binary_in: bool, binary_out: bool
) -> None:
    outputs = [triton.InferRequestedOutput(each, binary_data=binary_out) for each in ("label", "score", "truncated")]
    result = client.infer(name, [text_input(TEXTS, binary_in)], outputs=outputs, request_id="7")
    expected = predict(host, name, texts=TEXTS)[1]["predictions"]
    label, score = result.as_numpy("label"), result.as_numpy("score")
    assert [each.decode() if isinstance(each, bytes) else each for each in label] == [one["label"] for one in expected]
    assert score == pytest.approx([one["score"] for one in expected], abs=1e-5)
    assert result.as_numpy("truncated").tolist() == [False] * 3
    assert result.get_response()["id"] == "7"


def test_tritons_client_asks_for_more_labels_and_is_told_what_is_wrong(client: Any) -> None:
    result = client.infer("int8", [text_input(TEXTS)], parameters={"top_k": 3})
    assert result.as_numpy("score").shape == (3, 3)
    for name, texts, said in (("nope", TEXTS, "no variant 'nope'"), ("int8", [" "], "text 0 is blank")):
        with pytest.raises(triton.InferenceServerException, match=said):
            client.infer(name, [text_input(texts)])


def test_kserves_first_protocol(host: str) -> None:
    assert call(f"{host}/v1/models")[1] == {"models": VARIANTS}
    assert call(f"{host}/v1/models/int8")[1] == {"name": "int8", "ready": True}
    body = json.dumps({"instances": TEXTS}).encode()
    _, answer, _ = call(f"{host}/v1/models/int8:predict", body)
    expected = predict(host, "int8", texts=TEXTS)[1]["predictions"]
    assert [row["label"] for row in answer["predictions"]] == [row["label"] for row in expected]
    assert call(f"{host}/v1/models/int8:predict", b'{"instances": []}')[0] == 400


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_ask_nobody_else(host: str, path: str) -> None:
    with urllib.request.urlopen(host + path, timeout=600) as response:
        page, policy = response.read().decode(), response.headers["content-security-policy"]
        assert response.headers.get_content_type() == "text/html"
    assert policy.startswith("default-src 'self'")
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    for asked in re.findall(r'(?:src|href)="([^"]+)"', page):
        with urllib.request.urlopen(f"{host}/{asked}", timeout=600) as response:
            assert response.status == 200


def test_the_description_is_true(host: str) -> None:
    _, described, _ = call(f"{host}/docs.json")
    assert described["openapi"].startswith("3.1")
    for path, entry in described["paths"].items():
        url = host + path.replace("{variant}", "int8").replace(
            "{version}", call(f"{host}/v2/models/int8")[1]["versions"][0]
        )
        url = url.replace("{name}", "x").replace("{unit}", "u").replace("{command}", "end").replace("{id}", "1-x")
        for method in entry.keys() - {"parameters"}:
            operation = entry[method]
            status = call(url, b"{}" if method == "post" else None, method=method.upper())[0]
            # Without an admin key nobody may do what asks for one.
            expected = 403 if {"admin": []} in operation.get("security", []) else 200 if method == "get" else 400
            assert status == expected, path
            assert str(status) in operation["responses"], path


def test_metrics_count_every_answer(host: str, built: Path) -> None:
    predict(host, "int8", texts=["a"] * 5000)
    call(f"{host}/nope")
    for _ in one_by_one(host):  # a worker that is asked writes its own figures first, and the last has all
        metrics = call(f"{host}/metrics")[1].decode()
    assert re.search(r'bonsai_requests_total{status="413",variant="int8"', metrics)
    assert re.search(r'bonsai_requests_total{status="404",variant="",version=""}', metrics)
    assert 'le="0.0001"' in metrics
