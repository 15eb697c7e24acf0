"""Export the torch model to ONNX with dynamic batch and length, and prove that both compute the same."""

import random
from pathlib import Path

import numpy as np
import onnx
import torch
from transformers import BertForSequenceClassification

from models.graph.bert import bert_graph
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import open_session
from models.runtime.errors import BonsaiError
from models.train.encoder import shape

TOLERANCE = 1e-4
PROOF_LENGTHS = (
    (5,),
    (17,),
    (64,),
    (3, 11, 31),
    (40, 8, 8, 24),
)  # tokens of every text in a batch; unequal ones are padded


def export_onnx(model: BertForSequenceClassification, cls_id: int, folder: Path) -> None:
    """Write `model.onnx`; refuse an export whose logits differ from the torch model's by more than 1e-4 (BonsaiError).

    `cls_id` is the token that every text begins with.
    """
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    head_size = model.config.hidden_size // model.config.num_attention_heads
    onnx.save(
        bert_graph(weights, model.config.to_dict(), shape(model)["heads"], head_size, cls_id), folder / MODEL_FILE
    )
    difference = largest_difference(model, folder / MODEL_FILE, cls_id)
    if not difference <= TOLERANCE:
        raise BonsaiError(
            f"export: the ONNX logits differ from the torch model's by {difference:.2e}; expected at most "
            f"{TOLERANCE:.0e}: the build stops"
        )


@torch.inference_mode()
def largest_difference(model: BertForSequenceClassification, file: Path, cls_id: int) -> float:
    """Return the largest |difference| of logits between torch and ONNX, over several lengths and with padding."""
    session, order, vocabulary = open_session(file, 1), random.Random(0), model.config.vocab_size
    worst = 0.0
    for lengths in PROOF_LENGTHS:
        limit = min(max(lengths), model.config.max_position_embeddings)
        ids = torch.zeros((len(lengths), limit), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, length in enumerate(lengths):
            ids[row, :length] = torch.tensor(
                [cls_id, *(order.randrange(vocabulary) for _ in range(min(length, limit) - 1))]
            )
            mask[row, :length] = 1
        expected = model(input_ids=ids, attention_mask=mask).logits.numpy()
        given = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
        worst = float(np.maximum(worst, np.abs(expected - given).max()))  # unlike max(), it keeps a NaN
    return worst
