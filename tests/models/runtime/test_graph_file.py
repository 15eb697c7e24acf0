"""What an ONNX file may hold: files as the onnx library writes them, and bytes that are none."""

from pathlib import Path

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx.external_data_helper import set_external_data

from models.runtime.graph_file import check_graph


def model(*nodes: NodeProto, tensors: tuple[TensorProto, ...] = (), opsets: tuple[str, ...] = ("",)) -> ModelProto:
    made = helper.make_model(GraphProto(node=nodes, initializer=tensors, name="g"))
    del made.opset_import[:]
    made.opset_import.extend(helper.make_opsetid(domain, 17) for domain in opsets)
    return made


def written(folder: Path, content: ModelProto | bytes) -> Path:
    file = folder / "model.onnx"
    file.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return file


def outside(location: str = "/etc/passwd") -> TensorProto:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.raw_data = b"\0\0\0\0"
    set_external_data(tensor, location)
    return tensor


def flagged() -> TensorProto:
    return TensorProto(name="w", data_location=TensorProto.EXTERNAL)


def holding(**attribute: object) -> NodeProto:
    return NodeProto(op_type="If", attribute=[AttributeProto(name="a", **attribute)])


def function(domain: str, *nodes: NodeProto) -> ModelProto:
    made = model()
    made.functions.append(FunctionProto(name="f", domain=domain, node=nodes))
    return made


def sparse(tensor: TensorProto) -> ModelProto:
    made = model()
    made.graph.sparse_initializer.add().values.CopyFrom(tensor)
    return made


def trained() -> ModelProto:
    made = model()
    made.training_info.add().algorithm.node.append(NodeProto(op_type="X", domain="evil"))
    return made


def deep() -> bytes:
    """Return a graph in an attribute of a node of a graph, and so on: deeper than the library writes them."""
    content = b""
    for _ in range(40):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            content = tag + length(content) + content
    return b"\x3a" + length(content) + content


def renumbered() -> bytes:
    """Return a model whose weight names a file in a field whose tag has a bit beyond the 32 that are read."""
    external = b"\x0a\x08location\x12\x05../up"
    tensor = b"\xea\x80\x80\x80\x10" + length(external) + external  # 13, of bytes
    graph = b"\x2a" + length(tensor) + tensor
    return b"\x3a" + length(graph) + graph


def length(content: bytes) -> bytes:
    low, high = len(content) & 127, len(content) >> 7
    return bytes([low | 128, high]) if high else bytes([low])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (model(tensors=(outside("../up"),)), r"another file \(location ../up\)"),
        (model(tensors=(outside(),)), r"another file \(location /etc/passwd\)"),
        (model(tensors=(outside("*/_ORT_MEM_ADDR_/*"),)), "another file"),
        (model(tensors=(outside("a\x1b[2J\n"),)), r"another file \(location a\\x1b\[2J\\n\)"),
        (model(tensors=(flagged(),)), "a weight lies outside the file"),
        (model(holding(t=outside())), "another file"),
        (model(holding(tensors=[outside()])), "another file"),
        (model(holding(g=GraphProto(initializer=[outside()]))), "another file"),
        (model(holding(graphs=[GraphProto(initializer=[outside()])])), "another file"),
        (sparse(outside()), "another file"),
        (function("", holding(t=outside())), "another file"),
        (model(NodeProto(op_type="Run", domain="evil.ops")), "operators of the domain 'evil.ops'"),
        (model(holding(g=GraphProto(node=[NodeProto(op_type="Run", domain="evil")]))), "the domain 'evil'"),
        (model(opsets=("", "ai.onnx.contrib")), "the domain 'ai.onnx.contrib'"),
        (function("mine"), "the domain 'mine'"),
        (function("", NodeProto(op_type="X", domain="evil")), "the domain 'evil'"),
        (trained(), "the domain 'evil'"),
        (model(NodeProto(op_type="EPContext", domain="com.microsoft")), "the operator EPContext"),
        (deep(), "more than 64 deep"),
        (b"", "it is empty"),
        (b"no graph", "it is no ONNX file"),
        (b"\x3a\xff\xff\xff\xff\x0f", "cut short"),
        (b"\xff" * 20, "cut short"),
        (renumbered(), "it is no ONNX file"),
        (b"\x02\x00", "it is no ONNX file"),  # a field of the number 0
        (b"\x08" + b"\x80" * 10 + b"\x00", "it is no ONNX file"),  # eleven bytes of a number
    ],
)  # fmt: skip
def test_what_leads_out_of_the_file_is_refused(tmp_path: Path, content: ModelProto | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        check_graph(written(tmp_path, content))
    assert str(refused.value).isprintable() and "expected one file" in str(refused.value)


def test_what_a_build_makes_is_accepted(built: Path) -> None:
    files = sorted(built.glob("*/model.onnx"))
    assert len(files) > 4
    for file in files:
        check_graph(file)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_end_in_anything_but_one_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = model(holding(t=outside("x"), g=GraphProto(node=[NodeProto(op_type="Add")]))).SerializeToString()
    content = bytearray(data.draw(st.sampled_from([whole, b""])) or data.draw(st.binary(max_size=200)))
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_graph(written(tmp_path, bytes(content)))
    except ValueError as refused:
        assert str(refused).isprintable()
    else:  # then it names no file in the library's eyes either
        try:
            read = onnx.load_model_from_string(bytes(content))
        except DecodeError:
            return
        assert "external_data" not in str(read)
