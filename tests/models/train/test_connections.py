import pytest
import torch
from torch.nn import Parameter
from transformers import BertForSequenceClassification

from models.train.connections import Connections, linear_weights, sparsity
from models.train.encoder import parameters


def test_gradients_of_what_is_gone_are_taken() -> None:
    weight = Parameter(torch.tensor([[0.0, 2.0], [-3.0, 0.0]]))
    connections = Connections([weight], "l2", 0.1)
    weight.grad = torch.ones(2, 2)
    connections.hold()
    assert weight.grad.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("norm", "left"), [("l1", [0.0, 1.95, -2.95, 0.0]), ("l2", [0.038, 1.9, -2.85, 0.0])])
def test_l1_draws_all_by_the_same_and_l2_each_by_a_share(norm: str, left: list[float]) -> None:
    weight = Parameter(torch.tensor([[0.04, 2.0, -3.0, 0.0]]))
    Connections([weight], norm, 0.5).penalize(0.1)
    assert weight.detach().flatten().tolist() == pytest.approx(left)


def test_all_matrices_of_the_encoder_and_nothing_else(plain: BertForSequenceClassification) -> None:
    matrices = linear_weights(plain)
    assert [len(layer) for layer in matrices] == [6] * 4
    biases_and_norms = 4 * (4 * 32 + 64 + 32 + 4 * 32)
    counted = sum(matrix.numel() for layer in matrices for matrix in layer)
    assert counted == parameters(plain)["encoder"] - biases_and_norms
    assert sparsity([torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0])]) == 0.75
