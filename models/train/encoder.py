"""The shape of a BERT classifier: how many layers, heads and FFN neurons, and how to cut it down, save and load it.

Only the [CLS] state reaches the classifier, so the last layer computes its query, attention output and FFN for that
token alone (`ClsOnlyLayer`).
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertConfig, BertForSequenceClassification
from transformers.models.bert.modeling_bert import BertLayer
from transformers.pytorch_utils import prune_linear_layer

SHAPE_FILE = "shape.json"


class ClsOnlyLayer(BertLayer):
    """A BERT layer that attends from [CLS] to all tokens and returns the one state that the classifier reads: exact,
    also with padding.

    Key and value matrices meet one vector a head instead of every token: q·(Wk x) is (Wkᵀ q)·x, and the shares of Σ p
    (Wv x + b) sum to 1. The key's bias adds the same to the scores of all tokens, which the softmax does not see
    (DeepSeek-V2 2024, section 2.1, absorbs its matrices so).
    """

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> tuple[torch.Tensor]:
        """Map hidden states (batch, tokens, hidden) to those of the first token (batch, 1, hidden)."""
        attention, cls = self.attention.self, hidden_states[:, :1]
        by_head = (attention.num_attention_heads, attention.attention_head_size, -1)
        query = attention.query(cls).view(len(cls), *by_head[:2])
        absorbed = torch.einsum("bhd,hdi->bhi", query, attention.key.weight.view(by_head)) / by_head[1] ** 0.5
        scores = absorbed @ hidden_states.transpose(1, 2)  # (batch, heads, tokens)
        if attention_mask is not None:
            scores = scores + attention_mask[:, :, 0]
        mixed = attention.dropout(scores.softmax(-1)) @ hidden_states
        values = torch.einsum("bhi,hdi->bhd", mixed, attention.value.weight.view(by_head)) + attention.value.bias.view(
            by_head[:2]
        )
        return (self.feed_forward_chunk(self.attention.output(values.reshape(len(cls), 1, -1), cls)),)


def layers(model: BertForSequenceClassification) -> list[BertLayer]:
    """Return the encoder's layers, first to last."""
    return list(model.bert.encoder.layer)


def cls_only(model: BertForSequenceClassification) -> BertForSequenceClassification:
    """Let the last layer compute [CLS] alone, in place; parameters and logits stay the same."""
    for layer in layers(model):
        layer.__class__ = BertLayer
    layers(model)[-1].__class__ = ClsOnlyLayer
    return model


def keep(layer: BertLayer, heads: list[int], neurons: list[int]) -> None:
    """Cut a layer down to these attention heads and FFN neurons, in place (indices into what it has now)."""
    attention = layer.attention.self
    size = attention.attention_head_size
    rows = torch.tensor([head * size + offset for head in sorted(heads) for offset in range(size)], dtype=torch.long)
    for name in ("query", "key", "value"):
        setattr(attention, name, prune_linear_layer(getattr(attention, name), rows))
    layer.attention.output.dense = prune_linear_layer(layer.attention.output.dense, rows, dim=1)
    attention.num_attention_heads = len(heads)
    attention.all_head_size = len(heads) * size
    columns = torch.tensor(sorted(neurons), dtype=torch.long)
    layer.intermediate.dense = prune_linear_layer(layer.intermediate.dense, columns)
    layer.output.dense = prune_linear_layer(layer.output.dense, columns, dim=1)


def keep_layers(model: BertForSequenceClassification, chosen: list[int]) -> BertForSequenceClassification:
    """Keep only these layers, in place."""
    model.bert.encoder.layer = nn.ModuleList(layers(model)[number] for number in chosen)
    model.config.num_hidden_layers = len(chosen)
    return cls_only(model)


def shape(model: BertForSequenceClassification) -> dict[str, list[int]]:
    """Return the number of heads and of FFN neurons of every layer."""
    return {
        "heads": [layer.attention.self.num_attention_heads for layer in layers(model)],
        "ffn": [layer.intermediate.dense.out_features for layer in layers(model)],
    }


def parameters(model: BertForSequenceClassification) -> dict[str, int]:
    """Count the parameters of the whole model and of its encoder (embeddings, pooler and classifier left out)."""
    return {
        "all": sum(parameter.numel() for parameter in model.parameters()),
        "encoder": sum(parameter.numel() for parameter in model.bert.encoder.parameters()),
    }


def save_model(model: BertForSequenceClassification, folder: Path) -> None:
    """Write weights (safetensors), config and shape."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    model.config.to_json_file(folder / "config.json")
    (folder / SHAPE_FILE).write_text(json.dumps(shape(model)))


def load_model(folder: Path) -> BertForSequenceClassification:
    """Rebuild the model that `save_model` wrote, in evaluation mode."""
    model = new_model(BertConfig.from_json_file(folder / "config.json"))
    for layer, heads, ffn in zip(layers(model), *json.loads((folder / SHAPE_FILE).read_text()).values(), strict=True):
        keep(layer, list(range(heads)), list(range(ffn)))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return cls_only(model).eval()


def new_model(config: BertConfig) -> BertForSequenceClassification:
    """Return an untrained classifier; its attention is torch's fused one, which keeps no texts x heads x tokens² where
    nothing is trained.
    """
    config._attn_implementation = "sdpa"
    return BertForSequenceClassification(config)
