"""Turn a BERT checkpoint into the teacher: give it a head for the labels and train it, unless it has learned these
labels already.
"""

import torch
from safetensors import safe_open
from transformers import BertConfig, BertForSequenceClassification

from models.plan.checkpoint import Checkpoint
from models.plan.head import Head, find_head
from models.recipe.recipe import TeacherSource
from models.runtime.errors import BonsaiError
from models.train.distillation_data import Tokenized
from models.train.encoder import cls_only, new_model
from models.train.training import train

NOT_TAKEN = (
    "num_labels",
    "dtype",
    "torch_dtype",
    "auto_map",
    "return_dict",
    "torchscript",
    "output_attentions",
    "output_hidden_states",
    "chunk_size_feed_forward",
)  # of config.json: what holds of other labels, of 16-bit weights, names code to run, or is how logits are handed out


def fine_tune(
    checkpoint: Checkpoint,
    labels: tuple[str, ...],
    data: Tokenized,
    validation: Tokenized,
    source: TeacherSource,
    *,
    seed: int,
    title: str = "teacher",
) -> BertForSequenceClassification:
    """Return the teacher, its outputs in the order of `labels`."""
    head = find_head(checkpoint, labels)
    model = load_checkpoint(checkpoint, labels, head, seed)
    return model.eval() if head.rows else train(model, data, validation, source, seed=seed, title=title)


def load_checkpoint(
    checkpoint: Checkpoint, labels: tuple[str, ...], head: Head, seed: int
) -> BertForSequenceClassification:
    """Return the checkpoint's body under its head, or under a new one where that has no rows.

    By hand, as `read_header` found it: from_pretrained would fill what it does not find with random numbers. Refuse
    weights that are no numbers (BonsaiError).
    """
    own = {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification",
    }
    kept = {name: value for name, value in checkpoint.config.items() if name not in NOT_TAKEN}
    model = new_model(BertConfig.from_dict(kept | own))
    with safe_open(checkpoint.folder / "model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(stored) for name, stored in checkpoint.weights.stored.items()}
    if odd := [checkpoint.weights.stored[name] for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise BonsaiError(
            f"teacher '{checkpoint.name}': model.safetensors has NaN or infinity in {odd[0]}; expected numbers alone: "
            "take an earlier checkpoint of its training"
        )
    for name in ("classifier.weight", "classifier.bias"):
        if head.rows:
            tensors[name] = tensors[name][list(head.rows)]
        else:
            tensors.pop(name, None)
    missing, _ = model.load_state_dict(tensors, strict=False)
    torch.manual_seed(seed)
    for name, module in model.named_modules():
        if f"{name}.weight" in missing:  # of the head, and of the pooler where the checkpoint has none
            model._init_weights(module)
    return cls_only(model)
