"""Distillation: a student of fewer layers, started from the teacher's, learns its soft labels and its last [CLS] state
(Hinton 2015, Sanh 2019).
"""

import copy

from transformers import BertForSequenceClassification

from models.recipe.passes import Distill
from models.train.contextual import read_contextual
from models.train.distillation_data import DistillationData
from models.train.encoder import keep_layers, layers
from models.train.training import train


def distill(
    model: BertForSequenceClassification, data: DistillationData, config: Distill, *, seed: int
) -> BertForSequenceClassification:
    """Return a student with some of `model`'s layers, trained on the teachers' soft targets."""
    student = keep_layers(copy.deepcopy(model), config.chosen(len(layers(model))))
    if config.contextual:
        read_contextual(student, model, config.contextual, data.train)
    return train(student, data.train, data.validation, config, seed=seed, title="distill")
