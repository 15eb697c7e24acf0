"""Magnitude pruning: set the smallest weights to zero and retrain the others, again and again (Han et al. 2015).

The matrices keep their size: zeros make a file that compresses well (models/graph/stored.py), and no faster product.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import avg_pool2d
from transformers import BertForSequenceClassification

from models.recipe.passes import Sparsify
from models.runtime.errors import BonsaiError
from models.train.connections import Connections, linear_weights
from models.train.distillation_data import DistillationData
from models.train.training import train


def sparsify(
    model: BertForSequenceClassification, data: DistillationData, config: Sparsify, *, seed: int
) -> BertForSequenceClassification:
    """Return a copy of `model` with `config.share` of the encoder's linear weights at zero, retrained on the teachers'
    soft labels; what is zero already stays so
    (BonsaiError where the blocks do not fit a matrix).
    """
    sparse = copy.deepcopy(model)
    matrices = [weight for layer in linear_weights(sparse) for weight in layer]
    _check_block(matrices, *config.block)
    if config.prepare:
        schedule = config.model_copy(update={"epochs": config.prepare})
        learn(sparse, data, schedule, seed=seed, title="sparsify, before", keep_last=True)
    for step, share in enumerate(config.shares()):
        cut(matrices, share, config)
        if config.retrain:
            learn(sparse, data, config.schedule(step), seed=seed, title=f"sparsify, {100 * share:.0f} % gone")
    return sparse.eval()


def learn(
    model: BertForSequenceClassification,
    data: DistillationData,
    schedule: Sparsify,
    *,
    seed: int,
    title: str,
    keep_last: bool = False,
) -> None:
    """Train in place, with the penalty on the encoder's linear weights, those held that are zero."""
    matrices = [weight for layer in linear_weights(model) for weight in layer]
    connections = Connections(matrices, schedule.norm, schedule.decay)
    train(
        model,
        data.train,
        data.validation,
        schedule,
        seed=seed,
        title=title,
        connections=connections,
        keep_last=keep_last,
    )


@torch.no_grad()
def cut(matrices: Sequence[Parameter], share: float, config: Sparsify) -> None:
    """Set this share of the weights to zero, in place: the blocks whose mean magnitude is least, in each matrix or over
    all of them.
    """
    height, width = config.block
    magnitudes = [avg_pool2d(matrix.abs()[None], (height, width))[0] for matrix in matrices]
    if config.scope == "layer":
        kept = [_keep_largest(magnitude.flatten(), share) for magnitude in magnitudes]
    else:
        sizes = [magnitude.numel() for magnitude in magnitudes]
        kept = list(_keep_largest(torch.cat([magnitude.flatten() for magnitude in magnitudes]), share).split(sizes))
    for matrix, magnitude, keep in zip(matrices, magnitudes, kept, strict=True):
        blocks = keep.view_as(magnitude)
        matrix.masked_fill_(~blocks.repeat_interleave(height, 0).repeat_interleave(width, 1), 0.0)


def _check_block(matrices: Sequence[Parameter], height: int, width: int) -> None:
    for rows, columns in (matrix.shape for matrix in matrices):
        if rows % height or columns % width:
            raise BonsaiError(
                f"sparsify: block is [{height}, {width}], of a matrix of {rows} x {columns}; expected divisors of these"
            )


def _keep_largest(magnitudes: Tensor, share: float) -> Tensor:
    """Return True for all but this share of the magnitudes; of equals the first ones go."""
    keep = torch.ones(len(magnitudes), dtype=torch.bool)
    keep[magnitudes.argsort(stable=True)[: round(share * len(magnitudes))]] = False
    return keep
