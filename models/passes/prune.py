"""Structured pruning: remove the attention heads and FFN neurons whose removal costs the least loss, then recover
(Michel et al. 2019, Hou et al. 2020).
"""

import copy

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertForSequenceClassification

from models.recipe.passes import Prune
from models.train.distillation_data import DistillationData, Tokenized
from models.train.encoder import keep, layers
from models.train.training import TRAINING_TOKENS, train

BATCH = 64
MULTIPLE = 16  # matrix sizes that the CPU's GEMM kernels fill without a remainder


def prune(
    model: BertForSequenceClassification, data: DistillationData, config: Prune, *, seed: int
) -> BertForSequenceClassification:
    """Return a smaller copy of `model`, retrained on the teachers' soft labels."""
    smaller = copy.deepcopy(model)
    heads, neurons = importance(smaller, data.validation)
    kept_heads = keep_most_important(heads, config.remove_heads * len(heads), 1, by_layer=config.scope == "layer")
    removed = sum(int(len(scores) * config.remove_ffn) // MULTIPLE * MULTIPLE for scores in neurons)
    kept_neurons = keep_most_important(neurons, removed, MULTIPLE, by_layer=config.scope == "layer")
    for layer, some_heads, some_neurons in zip(layers(smaller), kept_heads, kept_neurons, strict=True):
        keep(layer, some_heads, some_neurons)
    return train(smaller, data.train, data.validation, config, seed=seed, title="prune")


def importance(model: BertForSequenceClassification, data: Tokenized) -> tuple[list[Tensor], list[Tensor]]:
    """Return, for every layer, one score a head and one a neuron: mean over texts of |activation · gradient|, the
    loss's change to first order.
    """
    inputs: dict[int, Tensor] = {}

    def remember(place: int, tensor: Tensor) -> None:
        tensor.retain_grad()
        inputs[place] = tensor

    modules = [module for layer in layers(model) for module in (layer.attention.output.dense, layer.output.dense)]
    hooks = [
        module.register_forward_pre_hook(lambda _, args, place=place: remember(place, args[0]))
        for place, module in enumerate(modules)
    ]
    scores = [torch.zeros(module.in_features) for module in modules]
    model.eval()
    for rows in data.batches(list(range(len(data))), BATCH, TRAINING_TOKENS):
        functional.cross_entropy(model(**data.batch(rows)).logits, data.labels[rows], reduction="sum").backward()
        for place in inputs:
            gradient = inputs[place].grad
            assert gradient is not None
            by_text = (inputs[place].detach() * gradient).sum(1)  # (texts, inputs of the dense layer)
            if place % 2 == 0:  # the inputs of one head act together: its gate's gradient is their sum
                size = layers(model)[place // 2].attention.self.attention_head_size
                by_text = by_text.unflatten(1, (-1, size)).sum(2, keepdim=True).expand(-1, -1, size).flatten(1)
            scores[place] += by_text.abs().sum(0)
        model.zero_grad(set_to_none=True)
    for hook in hooks:
        hook.remove()
    sizes = [layer.attention.self.attention_head_size for layer in layers(model)]
    return [score[::size] / len(data) for score, size in zip(scores[::2], sizes, strict=True)], [
        score / len(data) for score in scores[1::2]
    ]


def keep_most_important(scores: list[Tensor], remove: int, multiple: int, *, by_layer: bool) -> list[list[int]]:
    """Choose what every layer keeps after `remove` of all are gone: an equal number a layer, or ranked over all layers;
    always a multiple, never none.
    """
    if by_layer:
        kept = [len(layer) - remove // len(scores) for layer in scores]
    else:
        # Layers' scores differ in scale; Michel et al. (section 2.3) divide by each layer's l2 norm before ranking.
        normed = torch.cat([layer / layer.norm().clamp_min(1e-12) for layer in scores])
        gone = torch.zeros(len(normed), dtype=torch.bool)
        gone[normed.argsort(stable=True)[:remove]] = True
        kept = [int((~part).sum()) for part in gone.split([len(layer) for layer in scores])]
    kept = [
        min(len(layer), max(multiple, -(-count // multiple) * multiple))
        for layer, count in zip(scores, kept, strict=True)
    ]
    return [
        sorted(layer.argsort(descending=True, stable=True)[:count].tolist())
        for layer, count in zip(scores, kept, strict=True)
    ]
