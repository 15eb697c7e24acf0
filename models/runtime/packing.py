"""Sessions whose weights several processes share: optimized and packed for this processor once, and mapped into memory
by all (no torch).

ONNX Runtime copies a model's weights into each process, and once more in the order in which its kernels read them.
Written to a file in that order they are mapped instead: two processes hold them once, and open them in a fifth of the
time. The file fits this processor and this version of ONNX Runtime alone; it is made anew at every start.

Most variants have their teacher's word embeddings, the largest of their weights: a tensor that another packed model has
too is a link to it. (The weights in their first order, beside the packed ones, must stay: opened without them a model
answers nonsense.)
"""

import contextlib
import ctypes
import hashlib
import mmap
import os
import threading
from pathlib import Path

import onnxruntime

from models.runtime.classifier import session_options
from models.runtime.graph_file import check_graph

PACKED_FILE, WEIGHTS_FILE = "packed.onnx", "packed.bin"
LEAST_BYTES = "1024"  # smaller weights stay in the graph
PREPACKED = "prepacked_"  # how the keys begin that say where a tensor lies in its kernel's order too
LEAST_SHARED = 1 << 20  # bytes of a tensor that is worth a file of its own
KEEP_SIZE, PUNCH_HOLE = 1, 2  # fallocate's FALLOC_FL_…
_one_at_a_time = threading.Lock()  # of two at once neither would find the other's


def pack(model: Path | bytes, folder: Path) -> None:
    """Write a model into a folder, as this processor's kernels read it, beside the folders of others (ValueError where
    it names other files).
    """
    check_graph(model)
    folder.mkdir(parents=True, exist_ok=True)
    options = session_options(1)
    options.optimized_model_filepath = str(folder / PACKED_FILE)
    for name, value in (
        ("session.optimized_model_external_initializers_file_name", WEIGHTS_FILE),
        ("session.optimized_model_external_initializers_min_size_in_bytes", LEAST_BYTES),
        ("session.save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(name, value)
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with _one_at_a_time:
        _share(folder)


def open_packed(folder: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open what `pack` wrote, mapped into memory."""
    options = session_options(threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimized already
    return onnxruntime.InferenceSession(str(folder / PACKED_FILE), options, providers=["CPUExecutionProvider"])


def _share(folder: Path) -> None:
    """Put large tensors into files of their own, links where a folder beside this one has them too."""
    import onnx  # takes longer than all the rest of a start's imports, and workers never pack

    graph = onnx.load(folder / PACKED_FILE, load_external_data=False)
    with (folder / WEIGHTS_FILE).open("r+b") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as weights:
        for tensor in graph.graph.initializer:
            place = {entry.key: entry for entry in tensor.external_data}
            if not place:
                continue
            start, length = int(place["offset"].value), int(place["length"].value)
            if length >= LEAST_SHARED and not any(key.startswith(PREPACKED) for key in place):
                content = memoryview(weights)[start : start + length]
                shared = f"{hashlib.sha256(content).hexdigest()}.bin"
                _link(folder, shared, content)
                content.release()
                place["location"].value, place["offset"].value = shared, "0"
                _give_back(file.fileno(), start, length)
    onnx.save(graph, folder / PACKED_FILE)


def _link(folder: Path, name: str, content: memoryview) -> None:
    if (folder / name).exists():  # twice in this model
        return
    for other in folder.parent.glob(f"*/{name}"):
        with contextlib.suppress(OSError):  # it is being removed, or the file system has no links
            os.link(other, folder / name)
            return
    (folder / name).write_bytes(content)


def _give_back(file: int, start: int, length: int) -> None:
    """Let the system have whole pages of a file, where its file system can; they read as zeros from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "fallocate"):
        libc.fallocate(file, KEEP_SIZE | PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(length))
