"""A teacher of BERT-base's shape, random weights in a local folder, goes all the way; minutes and gigabytes, hence
slow.
"""

import json
import shutil
from pathlib import Path

import pytest

from models.build.command import main
from models.data.dataset import Dataset
from models.runtime.card import read_card
from models.runtime.loading import load_variants

BASE = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}


@pytest.fixture
def bert_base(tiny_checkpoint: Path, dataset: Dataset, tmp_path: Path) -> Path:
    """A checkpoint with a head for the data set's labels, so that it need not be fine-tuned."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    names = dict(enumerate(dataset.labels))
    torch.manual_seed(0)
    BertForSequenceClassification(
        BertConfig(**BASE, id2label=names, label2id={name: number for number, name in names.items()})
    ).save_pretrained(tmp_path)
    shutil.copyfile(tiny_checkpoint / "tokenizer.json", tmp_path / "tokenizer.json")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_bert_base_is_pruned_quantized_and_served(
    bert_base: Path, bentoml_home: Path, tiny_data: Path, dataset: Dataset, tmp_path: Path
) -> None:
    recipe, out = tmp_path / "base.yaml", tmp_path / "variants"
    variants = {"pruned": [{"prune": {"remove_heads": 6, "remove_ffn": 0.5, "epochs": 1}}], "int8": [{"quantize": {}}]}
    recipe.write_text(
        json.dumps({"teacher": {"source": str(bert_base)}, "dataset": {"source": str(tiny_data)}, "variants": variants})
    )
    assert main(["--recipe", str(recipe), "--out", str(out)]) == 0
    loaded = load_variants({name: out / name for name in ("teacher", "pruned", "int8")})
    cards = {name: card for name, (card, _) in loaded.items()}
    assert cards["teacher"] == read_card(out / "teacher")
    assert cards["teacher"].parameters["encoder"] == 12 * 7_087_872
    assert cards["pruned"].parameters["encoder"] == pytest.approx(cards["teacher"].parameters["encoder"] / 2, rel=0.01)
    assert cards["int8"].bytes < cards["teacher"].bytes / 2
    texts = [*dataset.test.texts, "money " * 600]
    for _, classifier in loaded.values():
        predictions = classifier.predict(texts)
        assert {prediction.label for prediction in predictions} <= set(dataset.labels)
        assert predictions[-1].truncated
