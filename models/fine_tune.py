"""Turn a BERT checkpoint into the teacher: give it a head for the labels and train it, unless it has learned these labels already."""

import torch
from transformers import BertConfig, BertForSequenceClassification
from transformers.utils import logging

from models.architecture import cls_only
from models.recipe import TeacherSource
from models.teacher import Checkpoint, has_trained_head
from models.training import Tokenized, train


def fine_tune(
    checkpoint: Checkpoint, labels: tuple[str, ...], data: Tokenized, validation: Tokenized, source: TeacherSource, *, seed: int, title: str = "teacher"
) -> BertForSequenceClassification:
    """Return the teacher, its outputs in the order of `labels`."""
    torch.manual_seed(seed)  # the new head's first weights
    trained = has_trained_head(checkpoint, labels)
    model = _load(checkpoint, labels, trained)
    return model.eval() if trained else train(model, data, validation, source, seed=seed, title=title)


def _load(checkpoint: Checkpoint, labels: tuple[str, ...], trained: bool) -> BertForSequenceClassification:
    config = BertConfig.from_json_file(checkpoint.folder / "config.json")
    places = {label: number for number, label in config.id2label.items()}
    order = [places[label] for label in labels] if trained else []
    config.num_labels = len(labels)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    config.architectures = ["BertForSequenceClassification"]
    config.problem_type = "single_label_classification"
    logging.set_verbosity_error()  # it warns that the new head is untrained, which is why it is trained next
    model = BertForSequenceClassification.from_pretrained(
        checkpoint.folder, config=config, attn_implementation="sdpa", use_safetensors=True, local_files_only=True, dtype=torch.float32
    )
    if trained:
        with torch.no_grad():
            model.classifier.weight.copy_(model.classifier.weight[order].clone())
            model.classifier.bias.copy_(model.classifier.bias[order].clone())
    return cls_only(model)
