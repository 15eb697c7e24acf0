"""Export the torch model to ONNX with dynamic batch and length, and prove that both compute the same."""

import random
import warnings
from pathlib import Path

import numpy as np
import torch
from transformers import BertForSequenceClassification

from models.card import MODEL_FILE
from models.classifier import open_session
from models.errors import BonsaiError

TOLERANCE = 1e-4
PROOF_LENGTHS = ((5,), (17,), (64,), (3, 11, 31), (40, 8, 8, 24))  # tokens of every text in a batch; unequal ones are padded
OPSET = 17


def export_onnx(model: BertForSequenceClassification, folder: Path) -> None:
    """Write `model.onnx`; refuse an export whose logits differ from the torch model's by more than 1e-4 (BonsaiError)."""
    model.eval()
    graph = LogitsOnly(model).eval()  # torch.onnx.export restores the training flag of the module that it is given, and so of all below it
    example = torch.ones((2, 8), dtype=torch.long)
    dynamic = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}, "logits": {0: "batch"}}
    with warnings.catch_warnings():
        # The graph optimizer knows the attention that the TorchScript exporter writes; it misses the newer exporter's without a word.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch.onnx")
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="You are using the legacy TorchScript-based ONNX export")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # Python branches on shapes: the proof below covers them
        torch.onnx.export(
            graph,
            (example, example),
            folder / MODEL_FILE,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    difference = largest_difference(model, folder / MODEL_FILE)
    if not difference <= TOLERANCE:
        raise BonsaiError(f"export: the ONNX logits differ from the torch model's by {difference:.2e}; expected at most {TOLERANCE:.0e}: the build stops")


class LogitsOnly(torch.nn.Module):
    """The classifier as a function of input ids and attention mask; token types are zeros for single texts and become part of the weights."""

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, labels)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits  # type: ignore[no-any-return]


@torch.inference_mode()
def largest_difference(model: BertForSequenceClassification, file: Path) -> float:
    """Return the largest |difference| of logits between torch and ONNX, over several lengths and with padding."""
    session, order, vocabulary = open_session(file, 1), random.Random(0), model.config.vocab_size
    worst = 0.0
    for lengths in PROOF_LENGTHS:
        limit = min(max(lengths), model.config.max_position_embeddings)
        ids = torch.zeros((len(lengths), limit), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, length in enumerate(lengths):
            ids[row, :length] = torch.tensor([order.randrange(vocabulary) for _ in range(min(length, limit))])
            mask[row, :length] = 1
        expected = model(input_ids=ids, attention_mask=mask).logits.numpy()
        given = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
        worst = max(worst, float(np.abs(expected - given).max()))
    return worst
