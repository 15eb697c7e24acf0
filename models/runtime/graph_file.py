"""What an ONNX file may hold, looked at before a session opens it: nothing that leads out of the file (no torch, no
onnx).

A session would read whatever file an initializer names as its external data, and look in loaded libraries for operators
of unknown domains. The file is walked as protocol buffers are written (protobuf.dev, "Encoding"; fields as in
onnx.proto), mapped into memory, and no tensor of it is read.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

# ONNX's own operators, its classical models', and ONNX Runtime's fused and integer ones.
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
Content = mmap.mmap | bytes
OUTSIDE = ("EPContext",)  # an operator of ONNX Runtime's own that names a file
EXPECTED = "expected one file with all its weights and operators of ONNX and ONNX Runtime alone"
DEEPEST = 64  # messages in messages; protobuf itself reads 100
VARINT_BYTES = 10
# A message's kind, and the field of it → what is in it.
INNER = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "opset": {},
    "external": {},
}
DOMAIN_FIELDS = {("node", 7), ("opset", 1), ("function", 10)}
OPERATOR, LOCATION = ("node", 4), ("tensor", 14)
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def check_graph(model: Path | bytes) -> None:
    """Refuse a model that names other files, or operators that are not known here (ValueError, OSError)."""
    if isinstance(model, bytes):
        _check(model, "model", 0, len(model), 0)
        return
    with model.open("rb") as opened:
        try:
            mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            raise ValueError(f"it is empty; {EXPECTED}") from None
    with mapped:
        _check(mapped, "model", 0, len(mapped), 0)


def _check(file: Content, kind: str, start: int, end: int, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"it has graphs in graphs, more than {DEEPEST} deep; {EXPECTED}")
    inner = INNER[kind]
    for field, wire, first, last in _fields(file, start, end):
        if (kind, field) == LOCATION:
            if wire != VARINT or file[first:last] != b"\0":
                raise ValueError(f"a weight lies outside the file; {EXPECTED}")
        elif wire != BYTES:
            continue
        elif (kind, field) in DOMAIN_FIELDS:
            domain = _text(file, first, last)
            if domain not in DOMAINS:
                raise ValueError(f"it has operators of the domain '{domain[:64]}'; {EXPECTED}")
        elif (kind, field) == OPERATOR:
            if (operator := _text(file, first, last)) in OUTSIDE:
                raise ValueError(f"it has the operator {operator}, which names another file; {EXPECTED}")
        elif field in inner:
            if inner[field] == "external":
                raise ValueError(f"a weight lies in another file ({_external(file, first, last)}); {EXPECTED}")
            _check(file, inner[field], first, last, depth + 1)


def _external(file: Content, start: int, end: int) -> str:
    """Return the key and the value of an entry that says where a tensor lies."""
    parts = [_text(file, first, last) for field, wire, first, last in _fields(file, start, end) if wire == BYTES]
    return " ".join(parts)[:100] or "of no name"


def _text(file: Content, first: int, last: int) -> str:
    """Return a name as it can be printed."""
    text = file[first : min(last, first + 128)].decode("utf-8", "replace")
    return text if text.isprintable() else ascii(text)[1:-1]


def _fields(file: Content, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the number, the wire type and the place of each field of a message (ValueError)."""
    place = start
    while place < end:
        tag, place = _varint(file, place, end)
        if tag >> 32:  # protobuf would leave bits out, and read another field
            raise ValueError(f"it is no ONNX file; {EXPECTED}")
        field, wire = tag >> 3, tag & 7
        first = place
        if wire == VARINT:
            _, place = _varint(file, place, end)
        elif wire == BYTES:
            length, first = _varint(file, place, end)
            place = first + length
        elif wire in (FIXED64, FIXED32):
            place += 8 if wire == FIXED64 else 4
        else:  # groups, which no field of ONNX is
            raise ValueError(f"it is no ONNX file; {EXPECTED}")
        if place > end or not field:
            raise ValueError(f"it is no ONNX file, or cut short; {EXPECTED}")
        yield field, wire, first, place


def _varint(file: Content, place: int, end: int) -> tuple[int, int]:
    value = 0
    for number in range(VARINT_BYTES):
        if place >= end:
            break
        byte = file[place]
        place += 1
        value |= (byte & 127) << 7 * number
        if byte < 128:
            return value, place
    raise ValueError(f"it is no ONNX file, or cut short; {EXPECTED}")
