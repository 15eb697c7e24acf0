"""The weights between the encoder's neurons, some of them gone: held at zero in training, the others penalized by their
L1 or L2 norm.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import Linear, Parameter, functional
from transformers import BertForSequenceClassification

from models.train.encoder import layers


class Connections:
    """Weight matrices, the share of each that is there, and the penalty of training on them."""

    def __init__(self, weights: Sequence[Parameter], norm: Literal["l1", "l2"], decay: float) -> None:
        """What is zero already is gone."""
        self.weights = list(weights)
        self._norm, self._decay = norm, decay
        self._kept = [(weight != 0).to(weight.dtype) for weight in self.weights]

    def hold(self) -> None:
        """Take the gradients of what is gone: from a zero gradient AdamW's momentum stays zero, and so does the
        weight.
        """
        for weight, kept in zip(self.weights, self._kept, strict=True):
            if weight.grad is not None:
                weight.grad.mul_(kept)

    @torch.no_grad()
    def penalize(self, learning_rate: float) -> None:
        """Draw the weights to zero, after a step of the optimizer and apart from its gradients (Loshchilov and Hutter
        2019): L2 by a share of each, L1 by the same of all, which is the proximal step of the norm.
        """
        for weight in self.weights:
            if self._norm == "l2":
                weight.mul_(1 - learning_rate * self._decay)
            else:
                weight.copy_(functional.softshrink(weight, learning_rate * self._decay))


def linear_weights(model: BertForSequenceClassification) -> list[list[Parameter]]:
    """Return the weight matrices (outputs, inputs) of every layer of the encoder, first to last."""
    return [
        [module.get_parameter("weight") for module in layer.modules() if isinstance(module, Linear)]
        for layer in layers(model)
    ]


def sparsity(matrices: Sequence[Tensor]) -> float:
    """Return the share of weights that are zero."""
    return float(sum(int((matrix == 0).sum()) for matrix in matrices) / sum(matrix.numel() for matrix in matrices))
