import pytest
import torch
from transformers import BertForSequenceClassification

from models.passes.distill import distill
from models.recipe.passes import Distill
from models.train.distillation_data import DistillationData
from models.train.encoder import layers, parameters


@pytest.mark.parametrize(
    ("asked", "available", "chosen"),
    [(3, 6, [1, 3, 5]), (3, 12, [3, 7, 11]), (1, 6, [5]), (3, 3, [0, 1, 2]), ([0, 5], 6, [0, 5])],
)
def test_layers_are_spread_with_the_last_included(asked: int | list[int], available: int, chosen: list[int]) -> None:
    assert Distill(layers=asked).chosen(available) == chosen


def test_the_student_starts_from_the_teachers_layers(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    still = Distill(layers=[0, 3], epochs=1, learning_rate=1e-12)
    student = distill(teacher, distillation, still, seed=0)
    assert len(layers(student)) == student.config.num_hidden_layers == 2
    assert len(layers(teacher)) == teacher.config.num_hidden_layers == 4
    for part, original in zip(
        (*layers(student), student.bert.embeddings),
        (layers(teacher)[0], layers(teacher)[3], teacher.bert.embeddings),
        strict=True,
    ):
        for given, expected in zip(part.parameters(), original.parameters(), strict=True):
            torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)


def test_the_student_is_smaller_trained_and_the_teacher_untouched(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    student = distill(teacher, distillation, Distill(layers=2, epochs=2), seed=0)
    assert parameters(student)["encoder"] * 2 == parameters(teacher)["encoder"]
    assert not torch.equal(student.classifier.weight, teacher.classifier.weight)
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
