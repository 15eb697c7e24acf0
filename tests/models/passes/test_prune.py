import pytest
import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from models.passes.prune import MULTIPLE, importance, keep_most_important, prune
from models.recipe.passes import Prune
from models.train.distillation_data import DistillationData, Tokenized
from models.train.encoder import layers, parameters, shape


@pytest.mark.parametrize("scope", ["layer", "model"])
@pytest.mark.parametrize(("heads", "ffn"), [(1, 0.5), (2, 0.3), (3, 0.9), (0, 0.25)])
def test_pruned_models_are_smaller_in_multiples_of_16(
    teacher: BertForSequenceClassification, distillation: DistillationData, scope: str, heads: int, ffn: float
) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    smaller = prune(teacher, distillation, Prune(remove_heads=heads, remove_ffn=ffn, scope=scope, epochs=1), seed=0)
    found = shape(smaller)
    assert parameters(smaller)["encoder"] < parameters(teacher)["encoder"]
    assert all(count % MULTIPLE == 0 and count >= MULTIPLE for count in found["ffn"])
    assert all(count >= 1 for count in found["heads"])
    if scope == "layer":
        assert found == {"heads": [4 - heads] * 4, "ffn": [64 - int(64 * ffn) // MULTIPLE * MULTIPLE] * 4}
    else:
        assert sum(found["heads"]) >= 16 - 4 * heads
        assert sum(found["ffn"]) >= 256 - 4 * int(64 * ffn)
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())


def test_nothing_to_remove_keeps_the_shape(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    smaller = prune(teacher, distillation, Prune(remove_heads=0, remove_ffn=0.0, epochs=1), seed=0)
    assert shape(smaller) == shape(teacher)


def test_same_seed_same_weights(teacher: BertForSequenceClassification, distillation: DistillationData) -> None:
    first, second = (
        prune(teacher, distillation, Prune(remove_heads=1, epochs=1), seed=3).state_dict() for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_importance_finds_planted_useless_heads_and_neurons(
    plain: BertForSequenceClassification, data: Tokenized
) -> None:
    with torch.no_grad():
        for number, layer in enumerate(layers(plain)):
            layer.attention.output.dense.weight[:, number * 8 : number * 8 + 8] = 0
            layer.output.dense.weight[:, [number, 40]] = 0
    heads, neurons = importance(plain, data)
    for number, (by_head, by_neuron) in enumerate(zip(heads, neurons, strict=True)):
        assert by_head.shape == (4,)
        assert by_neuron.shape == (64,)
        assert by_head.argmin() == number
        assert set(by_neuron.argsort()[:2].tolist()) == {number, 40}
        assert (by_head > 0).sum() == 3
        assert (by_neuron > 0).sum() == 62


def test_importance_leaves_no_trace(plain: BertForSequenceClassification, data: Tokenized) -> None:
    importance(plain, data)
    assert all(parameter.grad is None for parameter in plain.parameters())
    assert not any(module._forward_pre_hooks for module in plain.modules())


def test_least_important_are_removed_in_each_layer_or_over_all() -> None:
    scores = [torch.tensor([4.0, 1.0, 3.0, 2.0]), torch.tensor([1.0, 9.0, 1.5, 0.5])]
    assert keep_most_important(scores, 4, 1, by_layer=True) == [[0, 2], [1, 2]]
    assert keep_most_important(scores, 4, 1, by_layer=False) == [[0, 2, 3], [1]]


@pytest.mark.parametrize("by_layer", [True, False])
def test_no_layer_loses_everything(by_layer: bool) -> None:
    scores = [torch.rand(32, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    assert [len(kept) for kept in keep_most_important(scores, 96, 16, by_layer=by_layer)] == [16, 16, 16]


def test_a_layer_without_any_importance_gives_way_first() -> None:
    scores: list[Tensor] = [torch.zeros(4), torch.tensor([1.0, 2.0, 3.0, 4.0])]
    assert [len(kept) for kept in keep_most_important(scores, 3, 1, by_layer=False)] == [1, 4]
