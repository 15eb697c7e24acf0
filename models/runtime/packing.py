"""Sessions whose weights several processes share: optimized and packed for this processor once, and mapped into memory
by all (no torch).

ONNX Runtime copies a model's weights into each process, and once more in the order in which its kernels read them.
Written to a file in that order they are mapped instead: two processes hold them once, and open them in a fifth of the
time. The file fits this processor and this version of ONNX Runtime alone; it is made anew at every start.
"""

from pathlib import Path

import onnxruntime

from models.runtime.classifier import session_options
from models.runtime.graph_file import check_graph

PACKED_FILE = "packed.onnx"
LEAST_BYTES = "1024"  # smaller weights stay in the graph


def pack(file: Path, folder: Path) -> None:
    """Write a model into a folder, as this processor's kernels read it (ValueError where its file names others)."""
    check_graph(file)
    folder.mkdir(parents=True, exist_ok=True)
    options = session_options(1)
    options.optimized_model_filepath = str(folder / PACKED_FILE)
    for name, value in (
        ("session.optimized_model_external_initializers_file_name", "packed.bin"),
        ("session.optimized_model_external_initializers_min_size_in_bytes", LEAST_BYTES),
        ("session.save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(name, value)
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def open_packed(folder: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open what `pack` wrote, mapped into memory."""
    options = session_options(threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimized already
    return onnxruntime.InferenceSession(str(folder / PACKED_FILE), options, providers=["CPUExecutionProvider"])
