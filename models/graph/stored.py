"""What a graph with zeros takes where it is stored: as masks with the values that are left, and that once more behind
an entropy coder, the last two of three stages of Han et al. 2016 (no torch).

A file in this form is no model that ONNX Runtime opens; `read_sparse` makes that again.
"""

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from models.runtime.card import Stored
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar

PIECE = 1_000_000  # bytes
Array = npt.NDArray[Any]


def stored(file: Path) -> Stored:
    """Count a graph's zeros, and what it takes as masks and values, and compressed (BonsaiError if it did not come
    back the same).
    """
    model = onnx.load(file)
    matrices = layer_matrices(model)
    sparse = write_sparse(model)
    if read_sparse(sparse) != onnx.load(file):
        raise BonsaiError(f"'{file}' does not come back the same from its sparse form; the build stops")
    zeros = [sum(int((matrix == 0).sum()) for matrix in layer) for layer in matrices]
    sizes = [sum(matrix.size for matrix in layer) for layer in matrices]
    return Stored(
        sparsity=sum(zeros) / sum(sizes),
        sparsity_by_layer=[some / size for some, size in zip(zeros, sizes, strict=True)],
        bytes_sparse=len(sparse),
        bytes_compressed=_compressed(sparse),
    )


def _compressed(content: bytes) -> int:
    """Return how many bytes are left behind LZMA, which takes a minute for 100 MB."""
    coder, size = lzma.LZMACompressor(), 0
    with Bar("compress", -(-len(content) // PIECE), " MB") as bar:
        for start in range(0, len(content), PIECE):
            size += len(coder.compress(content[start : start + PIECE]))
            bar.advance()
        size += len(coder.flush())
        bar.finish(f"{len(content) / 1e6:.1f} MB to {size / 1e6:.1f}")
    return size


def layer_matrices(model: onnx.ModelProto) -> list[list[Array]]:
    """Return the weight matrices of every layer of the encoder, first to last."""
    found: dict[int, list[Array]] = {}
    for tensor in model.graph.initializer:
        layer, _, rest = tensor.name.partition(".")
        if len(tensor.dims) > 1 and layer.startswith("layer") and rest:
            found.setdefault(int(layer.removeprefix("layer")), []).append(numpy_helper.to_array(tensor))
    return [found[number] for number in sorted(found)]


def write_sparse(model: onnx.ModelProto) -> bytes:
    """Return a graph as one string of bytes: its nodes and the shapes of its weights, and behind them, of each weight
    with more zeros than a mask takes, a bit a number and those that are not zero. The graph loses its weights.
    """
    parts: list[bytes] = []
    for tensor in model.graph.initializer:
        values = np.frombuffer(tensor.raw_data, np.dtype(f"V{_width(tensor)}"))
        parts.append(_masked(values))
        tensor.raw_data = b""
    skeleton = model.SerializeToString()
    return b"".join([len(skeleton).to_bytes(8, "little"), skeleton, *parts])


def read_sparse(content: bytes) -> onnx.ModelProto:
    """Return the graph that `write_sparse` was given."""
    place = 8 + int.from_bytes(content[:8], "little")
    model = onnx.load_model_from_string(content[8:place])
    for tensor in model.graph.initializer:
        width, count = _width(tensor), int(np.prod(tensor.dims, dtype=np.int64))
        masked, place = content[place], place + 1
        if masked:
            there = np.unpackbits(np.frombuffer(content, np.uint8, -(-count // 8), place), count=count).astype(bool)
            place += -(-count // 8)
        else:
            there = np.ones(count, dtype=bool)
        kept = int(there.sum())
        values = np.zeros((count, width), np.uint8)
        values[there] = np.frombuffer(content, np.uint8, kept * width, place).reshape(kept, width)
        place += kept * width
        tensor.raw_data = values.tobytes()
    return model


def _width(tensor: onnx.TensorProto) -> int:
    """Return the bytes of one of its numbers."""
    return int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def _masked(values: Array) -> bytes:
    """Return numbers behind a byte that says whether a mask comes first: where that is shorter."""
    by_byte = values.view(np.uint8).reshape(len(values), values.dtype.itemsize)
    there = by_byte.any(axis=1)
    mask = np.packbits(there).tobytes()
    kept = by_byte[there].tobytes()
    return b"\1" + mask + kept if len(mask) + len(kept) < by_byte.nbytes else b"\0" + by_byte.tobytes()
