"""The Open Inference Protocol v2 over the same variants (REST, with the binary tensor extension), so that the clients
of Triton and KServe work unchanged.

Source: kserve.github.io/website, "Open Inference Protocol (V2)", and Triton's "Binary Tensor Data Extension".
"""

import math
import struct
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.routes.allowed import spend
from service.routes.exchange import Answer, Request, Service
from service.routes.json_body import check_strings, shown, whole
from service.routes.messages import MAX_TEXTS, check_scores
from service.routes.refused import Refused
from service.variants.errors import UnknownVariant

INPUT = "text"
OUTPUTS = {"label": "BYTES", "score": "FP32", "truncated": "BOOL"}
HEADER_LENGTH = "inference-header-content-length"
MOST_DIGITS = 20  # of that header: int() refuses some thousand
LENGTH = struct.Struct("<I")  # before every element of a BYTES tensor
Parameters = Annotated[dict[str, Any], BeforeValidator(lambda given: {} if given is None else given)]


class Tensor(BaseModel):
    """An input: the texts as JSON strings, or `binary_data_size` bytes of them after the JSON."""

    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(json_schema_extra={"const": INPUT})]
    shape: Annotated[
        list[
            Annotated[int, Field(ge=0, json_schema_extra={"minimum": 1, "maximum": MAX_TEXTS}), BeforeValidator(whole)]
        ],
        Field(min_length=1, max_length=2),
    ]
    datatype: Annotated[str, Field(json_schema_extra={"const": "BYTES"})]
    parameters: Parameters = {}
    data: list[Any] | None = None


class Wanted(BaseModel):
    """An output that is asked for."""

    model_config = ConfigDict(strict=True)

    name: Literal["label", "score", "truncated"]
    parameters: Parameters = {}


class InferRequest(BaseModel):
    """The JSON of an inference request; parameters that mean nothing here are passed over, as the protocol has it."""

    model_config = ConfigDict(strict=True)

    id: str | None = None
    parameters: Parameters = {}
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[Wanted], Field(max_length=len(OUTPUTS))] | None = None


class Asked(NamedTuple):
    """What an inference request asks for; `binary` names the outputs that are to follow the JSON as bytes."""

    id: str | None
    texts: list[str]
    top_k: int | None
    outputs: list[str]
    binary: frozenset[str]


async def infer(request: Request, service: Service, variant: str, version: str | None = None) -> Answer:
    """Answer an inference request by one variant (Refused, VariantError)."""
    request.card = _find(service, variant, version)
    asked = read_request(request.body, request.headers.get(HEADER_LENGTH.encode()))
    loaded = service.registry.ask(variant, asked.top_k or 1)
    check_scores(len(asked.texts), asked.top_k or 1)
    spend(request, len(asked.texts))
    finish = partial(write_answer, request.card, asked)
    body, length = await service.run(
        loaded, asked.texts, asked.top_k or 1, request.deadline, finish, request.times, request.gone
    )
    request.texts = len(asked.texts)
    if length is None:
        return Answer(body)
    return Answer(body, "application/octet-stream", {HEADER_LENGTH: str(length)})


async def server_metadata(request: Request, service: Service) -> Answer:
    """Say which server this is."""
    return Answer(orjson.dumps({"name": "bonsai", "version": "2", "extensions": ["binary_tensor_data"]}))


async def server_live(request: Request, service: Service) -> Answer:
    """Say that the server runs."""
    return Answer(b'{"live":true}')


async def server_ready(request: Request, service: Service) -> Answer:
    """Say that all variants are loaded; before that nothing is answered."""
    return Answer(b'{"ready":true}')


async def model_ready(request: Request, service: Service, variant: str, version: str | None = None) -> Answer:
    """Say that a variant is loaded (UnknownVariant)."""
    return Answer(orjson.dumps({"name": _find(service, variant, version).name, "ready": True}))


async def model_metadata(request: Request, service: Service, variant: str, version: str | None = None) -> Answer:
    """Say what a variant takes and gives (UnknownVariant)."""
    card = _find(service, variant, version)
    content = {
        "name": card.name,
        "versions": [card.version],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in OUTPUTS.items()],
    }
    return Answer(orjson.dumps(content))


def read_request(body: bytes, header_length: str | None) -> Asked:
    """Read the body of an inference request, with as many bytes of JSON as `header_length` says where tensors follow
    it (Refused).
    """
    head, rest = _split(body, header_length)
    check_strings(head, f"{MAX_TEXTS} texts")
    try:
        given = InferRequest.model_validate_json(head)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None
    (tensor,) = given.inputs
    if tensor.name != INPUT or tensor.datatype != "BYTES":
        raise Refused(400, f"the input is '{tensor.name[:64]}' of {tensor.datatype[:64]}; expected '{INPUT}' of BYTES")
    texts = _texts(tensor, rest)
    top_k = whole(given.parameters.get("top_k"))
    if top_k is not None and (type(top_k) is not int or top_k < 1):
        raise Refused(400, f"the parameter 'top_k' is {shown(top_k)}; expected a whole number from 1 on")
    wanted = given.outputs or [Wanted.model_validate({"name": name}) for name in OUTPUTS]
    names: list[str] = [output.name for output in wanted]
    if len(set(names)) < len(names):  # each would repeat a whole column of the answer
        raise Refused(400, f"the outputs are {', '.join(names)}; expected each of {', '.join(OUTPUTS)} once at most")
    if any("classification" in output.parameters for output in wanted):
        raise Refused(400, "the extension 'classification' is not there; expected the parameter 'top_k' of the request")
    everything = _flag(given.parameters, "binary_data_output", False)
    binary = {output.name for output in wanted if _flag(output.parameters, "binary_data", everything)}
    return Asked(given.id, texts, top_k, names, frozenset(binary))


def _flag(parameters: dict[str, Any], name: str, usual: bool) -> bool:
    given = parameters.get(name, usual)
    if not isinstance(given, bool):
        raise Refused(400, f"the parameter '{name}' is {shown(given)}; expected true or false")
    return given


def write_answer(card: Card, asked: Asked, predictions: Sequence[Prediction]) -> tuple[bytes, int | None]:
    """Return the body of the answer, and of how many bytes its JSON is where tensors follow it."""
    most = asked.top_k or 1
    shape = [len(predictions)] if asked.top_k is None else [len(predictions), most]
    values: dict[str, list[Any]] = {
        "label": [label for prediction in predictions for label, _ in prediction.top[:most]],
        "score": [score for prediction in predictions for _, score in prediction.top[:most]],
        "truncated": [prediction.truncated for prediction in predictions],
    }
    outputs, tensors = [], []
    for name in asked.outputs:
        output: dict[str, Any] = {
            "name": name,
            "datatype": OUTPUTS[name],
            "shape": shape if name != "truncated" else shape[:1],
        }
        if name in asked.binary:
            tensors.append(_as_bytes(name, values[name]))
            output["parameters"] = {"binary_data_size": len(tensors[-1])}
        else:
            output["data"] = values[name]
        outputs.append(output)
    content = {"model_name": card.name, "model_version": card.version, "outputs": outputs}
    if asked.id is not None:
        content["id"] = asked.id
    head = orjson.dumps(content)
    return b"".join([head, *tensors]), len(head) if tensors else None


def _find(service: Service, variant: str, version: str | None) -> Card:
    card = service.registry.find(variant).card
    if version is not None and version != card.version:
        raise UnknownVariant(f"'{variant}' is not there at version '{version[:64]}'; expected {card.version}")
    return card


def _split(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    digits = header_length.isascii() and header_length.isdigit() and len(header_length) <= MOST_DIGITS
    if not digits or (length := int(header_length)) > len(body):
        raise Refused(
            400, f"{HEADER_LENGTH} is '{header_length[:40]}'; expected the bytes of JSON, at most {len(body)}"
        )
    return body[:length], memoryview(body)[length:]


def _texts(tensor: Tensor, rest: memoryview) -> list[str]:
    count = math.prod(tensor.shape)
    if len(tensor.shape) == 2 and tensor.shape[1] != 1:
        raise Refused(400, f"the shape of '{INPUT}' is {shown(tensor.shape)}; expected [n] or [n, 1]")
    if not 1 <= count <= MAX_TEXTS:
        raise Refused(413 if count else 400, f"{shown(count)} texts in one request; expected 1 to {MAX_TEXTS}")
    size = whole(tensor.parameters.get("binary_data_size"))
    if size is None:
        if len(rest):
            raise Refused(400, f"{len(rest)} bytes follow the JSON; expected 'binary_data_size' among the parameters")
        texts = [each for row in tensor.data or [] for each in (row if isinstance(row, list) else [row])]
    elif tensor.data is not None or size != len(rest) or type(size) is not int:
        raise Refused(
            400, f"'binary_data_size' is {shown(size)} and {len(rest)} bytes follow the JSON; expected one figure"
        )
    else:
        texts = _from_bytes(rest)
    if len(texts) != count:
        raise Refused(400, f"the shape of '{INPUT}' is {tensor.shape} and its data holds {len(texts)} texts")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise Refused(400, f"text {number} is no string; expected BYTES of text in UTF-8")
        if not text.strip():
            raise Refused(400, f"text {number} is blank; expected text to classify")
    return texts


def _from_bytes(data: memoryview) -> list[str]:
    texts, place = list[str](), 0
    while place < len(data):
        if place + LENGTH.size > len(data) or len(texts) > MAX_TEXTS:
            raise Refused(400, f"the tensor ends after {place} of {len(data)} bytes; expected lengths and texts")
        (length,) = LENGTH.unpack_from(data, place)
        place += LENGTH.size
        if length > len(data) - place:
            raise Refused(400, f"text {len(texts)} has {length} bytes; expected at most the {len(data) - place} left")
        try:
            texts.append(str(data[place : place + length], "utf-8"))
        except UnicodeDecodeError:
            raise Refused(400, f"text {len(texts)} is not UTF-8; expected text in UTF-8") from None
        place += length
    return texts


def _as_bytes(name: str, values: list[Any]) -> bytes:
    match OUTPUTS[name]:
        case "BYTES":
            encoded = [value.encode() for value in values]
            return b"".join(part for value in encoded for part in (LENGTH.pack(len(value)), value))
        case "FP32":
            return np.array(values, dtype="<f4").tobytes()
    return np.array(values, dtype=np.bool_).tobytes()


def _refusal(detail: Any) -> Refused:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "json_invalid":
        return Refused(
            400,
            f"the body is not JSON: {detail['ctx']['error']}; expected an inference request in UTF-8, and the bytes of "
            f"its JSON in {HEADER_LENGTH} where tensors follow",
        )
    if detail["loc"] == ("outputs",) and detail["type"] == "too_long":
        return Refused(400, f"more than {len(OUTPUTS)} outputs; expected each of {', '.join(OUTPUTS)} once at most")
    return Refused(400, f"{where or 'the body'} is not what the protocol has: {detail['msg'][:200]}")
