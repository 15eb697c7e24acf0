"""Dynamic INT8 quantization of an ONNX graph: weights once, activations as they come (no torch, so that any image can do it)."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from models.card import MODEL_FILE
from models.recipe import Quantize

# What onnxruntime 1.32 leaves to a guess on graphs whose shapes it cannot infer (1 = float).
EXTRA_OPTIONS = {"DefaultTensorType": onnx.TensorProto.FLOAT}


def quantize(source: Path, target: Path, config: Quantize) -> None:
    """Write an INT8 copy of `source`'s model file into `target`: unsigned activations and signed weights, the pair that VNNI multiplies."""
    quantize_dynamic(
        source / MODEL_FILE,
        target / MODEL_FILE,
        per_channel=config.per_channel,
        weight_type=QuantType.QInt8,
        extra_options=EXTRA_OPTIONS,
    )
