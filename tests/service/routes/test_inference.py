"""The Open Inference Protocol as two functions, and what is refused."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.runtime.classifier import Prediction
from service.routes.inference import Asked, read_request, write_answer
from service.routes.refused import Refused
from tests.service.stand_in import loaded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
CARD = loaded().card


def as_bytes(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def body(texts: list[str], **changed: Any) -> bytes:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts, **changed.pop("tensor", {})}
    return json.dumps({"inputs": [tensor], **changed}).encode()


@given(st.lists(TEXT, min_size=1, max_size=5), st.booleans())
@settings(max_examples=60)
def test_texts_are_the_same_as_json_and_as_bytes(texts: list[str], column: bool) -> None:
    shape = [len(texts), 1] if column else [len(texts)]
    plain = read_request(body(texts, tensor={"shape": shape}), None)
    rest = as_bytes(texts)
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": len(rest)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    assert read_request(head + rest, str(len(head))) == plain
    assert plain == Asked(None, texts, None, ["label", "score", "truncated"], frozenset())


def test_rows_of_a_column_and_parameters_are_read() -> None:
    given_ = body(["a"], tensor={"shape": [2, 1], "data": [["a"], ["b"]]}, id="7", parameters={"top_k": 2, "x": 1})
    assert read_request(given_, None) == Asked("7", ["a", "b"], 2, ["label", "score", "truncated"], frozenset())
    outputs = [{"name": "score", "parameters": {"binary_data": True}}, {"name": "label"}]
    assert read_request(body(["a"], outputs=outputs), None)[3:] == (["score", "label"], frozenset({"score"}))
    everything = body(["a"], parameters={"binary_data_output": True})
    assert read_request(everything, None).binary == {"label", "score", "truncated"}


@pytest.mark.parametrize("binary", [frozenset[str](), frozenset({"label"}), frozenset({"label", "score", "truncated"})])
@pytest.mark.parametrize("top_k", [None, 1, 2])
def test_an_answer_says_the_same_as_json_and_as_bytes(binary: frozenset[str], top_k: int | None) -> None:
    predictions = [Prediction([("späť", 0.75), ("b", 0.25)], True), Prediction([("c", 0.5), ("d", 0.5)], False)]
    names = ["label", "score", "truncated"]
    answer, length = write_answer(CARD, Asked("7", ["x", "y"], top_k, names, binary), predictions)
    content, rest = json.loads(answer[:length]), answer[len(answer) if length is None else length :]
    assert (content["id"], content["model_name"], content["model_version"]) == ("7", "int8", CARD.version)
    found = {}
    for output in content["outputs"]:
        if (size := output.get("parameters", {}).get("binary_data_size")) is not None:
            tensor, rest = rest[:size], rest[size:]
            if output["datatype"] == "BYTES":
                values, place = [], 0
                while place < len(tensor):
                    (count,) = struct.unpack_from("<I", tensor, place)
                    values.append(tensor[place + 4 : place + 4 + count].decode())
                    place += 4 + count
            else:
                values = np.frombuffer(tensor, {"FP32": "<f4", "BOOL": np.bool_}[output["datatype"]]).tolist()
        else:
            values = output["data"]
        assert len(values) == np.prod(output["shape"])
        found[output["name"]] = values
    assert rest == b""
    most = top_k or 1
    assert found == {
        "label": [label for prediction in predictions for label, _ in prediction.top[:most]],
        "score": [score for prediction in predictions for _, score in prediction.top[:most]],
        "truncated": [True, False],
    }


HEAD = b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": %d}}]}'
BAD: dict[str, tuple[bytes, str | None, int, str]] = {
    "no JSON": (b"{", None, 400, "the body is not JSON: "),
    "no inputs": (b"{}", None, 400, "inputs is not what the protocol has: "),
    "two inputs": (json.dumps({"inputs": [json.loads(body(["a"]))["inputs"][0]] * 2}).encode(), None, 400, "inputs"),
    "another name": (body(["a"], tensor={"name": "ids"}), None, 400, "the input is 'ids' of BYTES; expected 'text'"),
    "another type": (body(["a"], tensor={"datatype": "INT64"}), None, 400, "the input is 'text' of INT64; expected"),
    "two columns": (body(["a", "b"], tensor={"shape": [1, 2]}), None, 400, "the shape of 'text' is [1, 2]; expected"),
    "no rows": (body([], tensor={"shape": [0]}), None, 400, "0 texts in one request; expected 1 to 4096"),
    "too many rows": (body(["a"] * 4097), None, 413, "4097 texts in one request; expected 1 to 4096"),
    "negative": (body(["a"], tensor={"shape": [-1]}), None, 400, "inputs.0.shape.0 is not what the protocol has: "),
    "another shape": (body(["a"], tensor={"shape": [2]}), None, 400, "the shape of 'text' is [2] and its data holds 1"),
    "a number": (body(["a"], tensor={"data": [1]}), None, 400, "text 0 is no string; expected"),
    "blank": (body([" "]), None, 400, "text 0 is blank; expected text to classify"),
    "another output": (body(["a"], outputs=[{"name": "logits"}]), None, 400, "outputs.0.name is not what the protocol"),
    "an output twice": (body(["a"], outputs=[{"name": "label"}] * 2), None, 400, "the outputs are label, label"),
    "an output as JSON and as bytes": (
        body(["a"], outputs=[{"name": "score"}, {"name": "score", "parameters": {"binary_data": True}}]), None, 400,
        "the outputs are score, score; expected each of label, score, truncated once at most",
    ),
    "an output again and again as bytes": (
        body(["a"], outputs=[{"name": "label"}] * 3, parameters={"binary_data_output": True}), None, 400, "the outputs",
    ),
    "5,000 outputs": (body(["a"], outputs=[{"name": "label"}] * 5_000), None, 400, "more than 3 outputs; expected"),
    "100,000 other outputs": (body(["a"], outputs=[{}] * 100_000), None, 400, "more than 3 outputs; expected"),
    "classification": (
        body(["a"], outputs=[{"name": "label", "parameters": {"classification": 2}}]), None, 400, "the extension",
    ),
    "top_k": (body(["a"], parameters={"top_k": "2"}), None, 400, "the parameter 'top_k' is \"2\"; expected a whole"),
    "top_k of many digits": (
        body(["a"], parameters={"top_k": -(10**4000)}), None, 400, "the parameter 'top_k' is -100000000000000000",
    ),
    "a shape of many digits": (body(["a"], tensor={"shape": [1, 10**4000]}), None, 400, "the shape of 'text' is [1, 1"),
    "binary, as a string": (
        body(["a"], outputs=[{"name": "label", "parameters": {"binary_data": "true"}}]), None, 400,
        "the parameter 'binary_data' is \"true\"; expected true or false",
    ),
    "binary, as a number": (
        body(["a"], parameters={"binary_data_output": 1}), None, 400, "the parameter 'binary_data_output' is 1;",
    ),
    "many unknown keys": (
        body(["a"], parameters={str(number): 1 for number in range(20_000)}), None, 413, "the body holds more than 16,",
    ),
    "bytes without a size": (body(["a"]) + b"xx", str(len(body(["a"]))), 400, "2 bytes follow the JSON; expected"),
    "a length beyond": (b"{}", "3", 400, "inference-header-content-length is '3'; expected the bytes of JSON"),
    "a length of words": (b"{}", "two", 400, "inference-header-content-length is 'two'; expected"),
    "a length of many digits": (
        b"{}", "0" * 20 + "9" * 5000, 400, "inference-header-content-length is '00000000000000000000999",
    ),
    "a size that is another": (HEAD % 6 + b"\1\0\0\0a", str(len(HEAD % 6)), 400, "'binary_data_size' is 6 and 5 bytes"),
    "a text cut short": (HEAD % 5 + b"\2\0\0\0a", str(len(HEAD % 5)), 400, "text 0 has 2 bytes; expected at most"),
    "a length cut short": (HEAD % 3 + b"\1\0\0", str(len(HEAD % 3)), 400, "the tensor ends after 0 of 3 bytes"),
    "no UTF-8": (HEAD % 5 + b"\1\0\0\0\xff", str(len(HEAD % 5)), 400, "text 0 is not UTF-8; expected text in UTF-8"),
}  # fmt: skip


def test_parameters_may_be_null() -> None:
    asked = read_request(
        body(["a"], tensor={"parameters": None}, parameters=None, outputs=[{"name": "label", "parameters": None}]), None
    )
    assert (asked.texts, asked.outputs, asked.binary) == (["a"], ["label"], frozenset())


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_sentence(name: str) -> None:
    given_, length, status, said = BAD[name]
    with pytest.raises(Refused) as caught:
        read_request(given_, length)
    assert caught.value.status == status
    assert caught.value.sentence.startswith(said), caught.value.sentence


@given(st.binary(max_size=60), st.integers(0, 80))
@settings(max_examples=150)
def test_no_bytes_are_anything_but_read_or_refused(rest: bytes, size: int) -> None:
    head = HEAD % size
    try:
        asked = read_request(head + rest, str(len(head)))
    except Refused as refused:
        assert refused.status == 400
    else:
        assert as_bytes(asked.texts) == rest
