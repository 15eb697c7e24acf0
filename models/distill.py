"""Distillation: a student of fewer layers, started from the teacher's, learns its soft labels and its last [CLS] state (Hinton 2015, Sanh 2019)."""

import copy

from transformers import BertForSequenceClassification

from models.architecture import keep_layers, layers
from models.contextual import read_contextual
from models.recipe import Distill
from models.training import Lesson, train


def distill(model: BertForSequenceClassification, lesson: Lesson, config: Distill, *, seed: int) -> BertForSequenceClassification:
    """Return a student with some of `model`'s layers, trained on the teachers' signal."""
    student = keep_layers(copy.deepcopy(model), config.chosen(len(layers(model))))
    if config.contextual:
        read_contextual(student, model, config.contextual, lesson.data)
    return train(student, lesson.data, lesson.validation, config, seed=seed, title="distill")
