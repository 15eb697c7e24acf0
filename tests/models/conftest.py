"""The tiny data set, checkpoint and tokenizer as the modules under test see them, and an untrained BERT whose logits
are not all alike.
"""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel

from models.data.dataset import Dataset, load_dataset
from models.plan.checkpoint import Checkpoint, find_teacher
from models.recipe.recipe import DatasetSource, Recipe, TeacherSource
from models.runtime.card import Card
from models.runtime.classifier import Predictor
from models.runtime.loading import load_variants
from models.runtime.store import read_build
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import DistillationData, Tokenized, soft_targets, tokenize
from models.train.encoder import new_model
from models.train.fine_tune import fine_tune
from tests.conftest import TINY, TINY_RECIPE, WORDS

MAX_TOKENS = 48
VARIANTS = ["teacher", *TINY_RECIPE["variants"]]
CLASSIFIERS = [name for name in VARIANTS if name != "cascade"]


@pytest.fixture(scope="session")
def dataset(tiny_data: Path) -> Dataset:
    return load_dataset(DatasetSource(source=str(tiny_data)))


@pytest.fixture(scope="session")
def source(tiny_checkpoint: Path) -> TeacherSource:
    return TeacherSource(
        source=str(tiny_checkpoint), max_tokens=MAX_TOKENS, epochs=20, learning_rate=3e-3, batch_size=8, patience=20
    )


@pytest.fixture(scope="session")
def checkpoint(source: TeacherSource) -> Checkpoint:
    return find_teacher(source)


@pytest.fixture(scope="session")
def tokenizer(tiny_checkpoint: Path) -> Tokenizer:
    return Tokenizer(tiny_checkpoint / "tokenizer.json", MAX_TOKENS)


@pytest.fixture(scope="session")
def data(tokenizer: Tokenizer, dataset: Dataset) -> Tokenized:
    return tokenize(tokenizer, dataset.train)


@pytest.fixture(scope="session")
def validation(tokenizer: Tokenizer, dataset: Dataset) -> Tokenized:
    return tokenize(tokenizer, dataset.validation)


@pytest.fixture(scope="session")
def trained(
    checkpoint: Checkpoint, dataset: Dataset, data: Tokenized, validation: Tokenized, source: TeacherSource
) -> BertForSequenceClassification:
    return fine_tune(checkpoint, dataset.labels, data, validation, source, seed=0)


@pytest.fixture
def teacher(trained: BertForSequenceClassification) -> BertForSequenceClassification:
    """A fine-tuned teacher that a test may spoil."""
    return copy.deepcopy(trained)


@pytest.fixture(scope="session")
def distillation(trained: BertForSequenceClassification, data: Tokenized, validation: Tokenized) -> DistillationData:
    return DistillationData(*(replace(rows, targets=soft_targets(trained, rows)) for rows in (data, validation)))


@pytest.fixture
def plain(tiny_checkpoint: Path) -> BertForSequenceClassification:
    """An untrained model of plain BERT layers, its weights wide enough that logits differ."""
    torch.manual_seed(0)
    vocabulary = json.loads((tiny_checkpoint / "config.json").read_text())["vocab_size"]
    return new_model(BertConfig(vocab_size=vocabulary, **TINY, num_labels=4, initializer_range=0.1)).eval()


@pytest.fixture(scope="session")
def unigram_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with a tokenizer as multilingual MiniLM and e5 have it: Unigram pieces, <s>, </s>, <pad> and
    <unk>.
    """
    folder = tmp_path_factory.mktemp("unigram-bert")
    weights = {"<s>": 0.0, "<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "\u2581": -3.0}
    weights |= (
        {f"\u2581{word}": -4.0 for word in WORDS} | dict.fromkeys("abcdefghijklmnopqrstuvwxyz", -8.0) | {"ed": -7.0}
    )
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(list(weights.items()), 3, byte_fallback=False))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), **TINY)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_recipe(tiny_recipe: Path) -> Callable[..., Recipe]:
    """The tiny recipe with some of its first-level entries replaced."""

    def make(**changes: Any) -> Recipe:
        return Recipe.model_validate({**json.loads(tiny_recipe.read_text()), **changes})

    return make


@pytest.fixture(scope="session")
def variants(built: Path) -> dict[str, tuple[Card, Predictor]]:
    """Every variant of the finished build, as the service loads it."""
    return load_variants({name: built / name for name in read_build(built).variants})


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of the finished build that a test may spoil."""
    return Path(shutil.copytree(built, tmp_path / "variants"))
