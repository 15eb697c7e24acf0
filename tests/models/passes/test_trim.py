import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer as RawTokenizer
from transformers import AutoTokenizer, BertConfig

from models.data.dataset import Dataset
from models.graph.calibration import TrainingTexts
from models.graph.export import export_onnx
from models.graph.tokenizer import write_tokenizer
from models.passes.trim import trim
from models.plan.checkpoint import find_teacher
from models.prove.coverage import coverage
from models.recipe.passes import Trim
from models.recipe.recipe import TeacherSource
from models.runtime.card import MODEL_FILE
from models.runtime.classifier import Classifier
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import Tokenizer
from models.train.encoder import cls_only, new_model
from tests.conftest import TINY
from tests.models.conftest import MAX_TOKENS

RARE = ["zebra quilt", "jumbo box of wax", "a parcelorder", "zzz"]


@pytest.fixture(scope="module", params=["wordpiece", "added tokens", "unigram"])
def exported(
    request: pytest.FixtureRequest,
    dataset: Dataset,
    tiny_checkpoint: Path,
    unigram_checkpoint: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An exported one-layer model, which takes [CLS] for a constant, with its tokenizer and configuration."""
    folder, start = (
        tmp_path_factory.mktemp("exported"),
        unigram_checkpoint if request.param == "unigram" else tiny_checkpoint,
    )
    config = BertConfig(
        vocab_size=json.loads((start / "config.json").read_text())["vocab_size"] + 3,
        **TINY,
        num_labels=len(dataset.labels),
    )
    config.num_hidden_layers, config.initializer_range = 1, 0.1
    config.id2label = dict(enumerate(dataset.labels))
    source = TeacherSource(source=str(start), max_tokens=MAX_TOKENS)
    checkpoint = find_teacher(source)
    if request.param == "added tokens":
        raw = RawTokenizer.from_file(str(start / "tokenizer.json"))
        raw.add_special_tokens(
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        )  # the last of them is not in the vocabulary
        raw.add_tokens(["<brand>", "parcelorder"])
        start = tmp_path_factory.mktemp("added")
        raw.save(str(start / "tokenizer.json"))
        checkpoint = replace(checkpoint, folder=start)
    torch.manual_seed(0)
    export_onnx(cls_only(new_model(config).eval()), Tokenizer(start / "tokenizer.json", MAX_TOKENS).frame[0], folder)
    write_tokenizer(checkpoint.folder / "tokenizer.json", source.max_tokens, folder)
    config.to_json_file(folder / "config.json")
    return folder


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, exported: Path, dataset: Dataset) -> Path:
    """The same, cut down to the word pieces of a few training texts."""
    return trimmed(exported, tmp_path_factory.mktemp("trimmed"), Trim(tokens=100), dataset.train.texts[:10])


def trimmed(source: Path, target: Path, config: Trim, texts: list[str]) -> Path:
    trim(source, target, config, TrainingTexts(texts, MAX_TOKENS, 0))
    return target


def test_vocabulary_and_file_are_smaller(exported: Path, words: Path) -> None:
    before, after = (RawTokenizer.from_file(str(folder / "tokenizer.json")).get_vocab() for folder in (exported, words))
    assert set(after) < set(before)
    assert sorted(after.values()) == list(range(len(after)))
    assert {entry["content"] for entry in json.loads((exported / "tokenizer.json").read_text())["added_tokens"]} <= set(
        after
    )
    assert (words / MODEL_FILE).stat().st_size < (exported / MODEL_FILE).stat().st_size


def test_the_configuration_says_how_many_words_are_left(exported: Path, words: Path) -> None:
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (exported, words))
    kept = RawTokenizer.from_file(str(words / "tokenizer.json")).get_vocab_size()
    assert after == {**before, "vocab_size": kept}


def test_a_graph_whose_words_are_not_known_is_refused(exported: Path, dataset: Dataset, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(exported, source)
    target.mkdir()
    model = onnx.load(source / MODEL_FILE)
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.replace("words.table", "other.table")
    for node in model.graph.node:
        node.input[:] = [name.replace("words.table", "other.table") for name in node.input]
    onnx.save(model, source / MODEL_FILE)
    with pytest.raises(BonsaiError, match="no table that input_ids alone look up"):
        trim(source, target, Trim(tokens=100), TrainingTexts(dataset.train.texts, MAX_TOKENS, 0))


def test_texts_of_kept_pieces_have_the_same_logits(exported: Path, words: Path, dataset: Dataset) -> None:
    before, after = (Classifier(folder, max_tokens=MAX_TOKENS) for folder in (exported, words))
    for texts in (
        dataset.train.texts[:10],
        dataset.train.texts[:1],
        ["my <brand> parcel\U0001f4e6 字 please", "parcelorder [MASK] <mask>"],
    ):
        np.testing.assert_allclose(after.logits(texts)[0], before.logits(texts)[0], rtol=0, atol=1e-6)


def test_other_words_are_spelled_not_unknown(exported: Path, words: Path, dataset: Dataset) -> None:
    for folder in (exported, words):
        assert coverage(Tokenizer(folder / "tokenizer.json", MAX_TOKENS), [*RARE, *dataset.test.texts]) == (0, 0)


def test_characters_that_were_never_known_stay_unknown(exported: Path, words: Path) -> None:
    texts = ["字 字", "where is my \U0001f4e6"]
    rates = [coverage(Tokenizer(folder / "tokenizer.json", MAX_TOKENS), texts).unknown for folder in (exported, words)]
    unigram = (
        json.loads((exported / "tokenizer.json").read_text())["model"]["type"] == "Unigram"
    )  # a word's beginning is a piece of its own there
    assert rates[0] == rates[1] == pytest.approx(3 / 9 if unigram else 3 / 6)


def test_enough_tokens_change_nothing(exported: Path, dataset: Dataset, tmp_path: Path) -> None:
    trimmed(exported, tmp_path, Trim(tokens=10_000), dataset.train.texts)
    before, after = (
        Classifier(folder, max_tokens=MAX_TOKENS).logits(dataset.train.texts)[0] for folder in (exported, tmp_path)
    )
    np.testing.assert_array_equal(before, after)


def test_transformers_reads_the_trimmed_tokenizer_as_we_do(words: Path, dataset: Dataset) -> None:
    theirs, ours = (
        AutoTokenizer.from_pretrained(words, local_files_only=True),
        Tokenizer(words / "tokenizer.json", MAX_TOKENS),
    )
    texts = [*RARE, *dataset.test.texts, "字 money"]
    assert theirs(texts)["input_ids"] == ours.encode(texts)[0]
    assert len(theirs) == len(ours.vocabulary())  # no special token was missing, and none added
    assert theirs.pad_token_id == ours.pad_id
