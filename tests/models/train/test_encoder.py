import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from models.train.distillation_data import Tokenized
from models.train.encoder import cls_only, keep, keep_layers, layers, load_model, parameters, save_model, shape

ROWS = [[0], [3, 1], [0, 5, 9, 30, 2, 17]]  # one text; several, padded
KEPT_HEADS, KEPT_NEURONS = (
    [[0], [1, 3], [0, 1, 2, 3], [2, 3]],
    [list(range(16)), list(range(0, 64, 2)), list(range(64)), list(range(48, 64))],
)


def logits(model: BertForSequenceClassification, data: Tokenized, rows: list[int]) -> Tensor:
    with torch.inference_mode():
        return model(**data.batch(rows)).logits


@pytest.fixture
def pruned(plain: BertForSequenceClassification) -> BertForSequenceClassification:
    smaller = copy.deepcopy(plain)
    for layer, heads, neurons in zip(layers(smaller), KEPT_HEADS, KEPT_NEURONS, strict=True):
        keep(layer, heads, neurons)
    return smaller


@pytest.mark.parametrize("rows", ROWS)
def test_cls_only_computes_the_same_logits(
    plain: BertForSequenceClassification, data: Tokenized, rows: list[int]
) -> None:
    expected = logits(plain, data, rows)
    assert expected.std() > 0.05
    torch.testing.assert_close(logits(cls_only(copy.deepcopy(plain)), data, rows), expected, rtol=0, atol=1e-5)


def test_cls_only_ignores_padding(plain: BertForSequenceClassification, data: Tokenized) -> None:
    rows = ROWS[2]
    alone = torch.cat([logits(cls_only(plain), data, [row]) for row in rows])
    torch.testing.assert_close(logits(plain, data, rows), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", ROWS)
def test_keeping_some_equals_zeroing_the_others_out(
    plain: BertForSequenceClassification, pruned: BertForSequenceClassification, data: Tokenized, rows: list[int]
) -> None:
    whole = logits(plain, data, rows)
    with torch.no_grad():
        for layer, heads, neurons in zip(layers(plain), KEPT_HEADS, KEPT_NEURONS, strict=True):
            for head in {0, 1, 2, 3} - set(heads):
                layer.attention.output.dense.weight[:, head * 8 : head * 8 + 8] = 0
            layer.output.dense.weight[:, sorted(set(range(64)) - set(neurons))] = 0
    torch.testing.assert_close(logits(pruned, data, rows), logits(plain, data, rows), rtol=0, atol=1e-5)
    assert (logits(pruned, data, rows) - whole).abs().max() > 0.01


def test_keeping_removes_what_was_asked_from_the_matrices(
    plain: BertForSequenceClassification, pruned: BertForSequenceClassification
) -> None:
    assert shape(pruned) == {"heads": [1, 2, 4, 2], "ffn": [16, 32, 64, 16]}
    removed_heads, removed_neurons = 3 + 2 + 0 + 2, 48 + 32 + 0 + 48
    expected = removed_heads * (4 * 8 * 32 + 3 * 8) + removed_neurons * (2 * 32 + 1)
    assert parameters(plain)["encoder"] - parameters(pruned)["encoder"] == expected
    assert parameters(plain)["all"] - parameters(pruned)["all"] == expected


def test_keep_counts_from_what_is_there_now(plain: BertForSequenceClassification) -> None:
    weight = layers(plain)[0].attention.self.query.weight[16:24].clone()
    keep(layers(plain)[0], [1, 2, 3], list(range(32, 64)))
    keep(layers(plain)[0], [1], list(range(16)))
    torch.testing.assert_close(layers(plain)[0].attention.self.query.weight, weight)


def test_save_and_load_a_pruned_model(pruned: BertForSequenceClassification, data: Tokenized, tmp_path: Path) -> None:
    save_model(cls_only(pruned), tmp_path)
    loaded = load_model(tmp_path)
    assert not loaded.training
    assert shape(loaded) == shape(pruned)
    assert torch.equal(logits(loaded, data, ROWS[2]), logits(pruned, data, ROWS[2]))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]


def test_layers_that_are_kept(plain: BertForSequenceClassification, data: Tokenized, tmp_path: Path) -> None:
    first, last = layers(plain)[0], layers(plain)[3]
    smaller = keep_layers(plain, [0, 3])
    assert layers(smaller) == [first, last]
    assert smaller.config.num_hidden_layers == 2
    save_model(smaller, tmp_path)
    assert torch.equal(logits(load_model(tmp_path), data, ROWS[2]), logits(smaller, data, ROWS[2]))
