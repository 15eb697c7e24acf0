"""What a build says of a checkpoint's head that it does not use."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.build.inputs import OF_SETFIT, why_no_head
from models.plan.checkpoint import Checkpoint
from models.plan.weights import Weights

LABELS = {"0": "late", "1": "lost"}


def plan(folder: Path, config: dict[str, Any], weights: Weights) -> Any:
    checkpoint = Checkpoint("mine", folder, "", {"id2label": LABELS, **config}, weights, "WordPiece")
    return SimpleNamespace(checkpoint=checkpoint, dataset=SimpleNamespace(labels=tuple(LABELS.values())))


@pytest.mark.parametrize("tensor", ["classifier.0.weight", "fc.weight"])
def test_a_head_of_another_kind_is_not_thrown_away_without_a_word(tmp_path: Path, tensor: str) -> None:
    said = why_no_head(plan(tmp_path, {"architectures": ["MyModel"]}, Weights({}, 0, tensor)))
    assert said == f"model.safetensors has {tensor}, which BertForSequenceClassification does not read"


def test_setfits_head_is_not_thrown_away_without_a_word(tmp_path: Path) -> None:
    assert why_no_head(plan(tmp_path, {}, Weights({}, 0))) == ""
    (tmp_path / OF_SETFIT).write_bytes(b"")
    assert "model_head.pkl is a head of scikit-learn" in why_no_head(plan(tmp_path, {}, Weights({}, 0)))


def test_a_head_that_is_used_needs_no_reason(tmp_path: Path) -> None:
    config = {"architectures": ["BertForSequenceClassification"]}
    weights = Weights({"bert.pooler.dense.weight": ""}, 2)
    assert why_no_head(plan(tmp_path, config, weights)) == ""
