import json
from pathlib import Path

import numpy as np
import pytest
from transformers import BertForSequenceClassification

from models.card import MODEL_FILE
from models.classifier import Classifier
from models.dataset import Dataset
from models.export import export_onnx
from models.grow import write_tokenizer
from models.plan import Plan
from models.recipe import Recipe, TeacherSource, Trim
from models.teacher import Checkpoint
from models.tokenization import Tokenizer
from models.training import Lesson
from models.trim import trim, unknown_rate
from tests.models.conftest import MAX_TOKENS

RARE = ["zebra quilt", "jumbo box of wax", "a parcelorder", "Ünïcödé zzz"]


@pytest.fixture(scope="module")
def exported(
    trained: BertForSequenceClassification, lesson: Lesson, dataset: Dataset, checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The exported teacher with its tokenizer and configuration."""
    folder = tmp_path_factory.mktemp("source")
    export_onnx(trained, lesson.data.ids[0][0], folder)
    write_tokenizer(Plan(Recipe(teacher=TeacherSource(max_tokens=MAX_TOKENS)), dataset, checkpoint, (), ()), folder)
    trained.config.to_json_file(folder / "config.json")
    return folder


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, exported: Path, dataset: Dataset) -> Path:
    """The same, cut down to the word pieces of a few training texts."""
    folder = tmp_path_factory.mktemp("trimmed")
    trim(exported, folder, Trim(tokens=100), dataset.train.texts[:10], MAX_TOKENS)
    (folder / "config.json").write_bytes((exported / "config.json").read_bytes())
    return folder


def test_vocabulary_and_file_are_smaller(exported: Path, words: Path) -> None:
    before, after = (json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"] for folder in (exported, words))
    assert set(after) < set(before)
    assert sorted(after.values()) == list(range(len(after)))
    assert (words / MODEL_FILE).stat().st_size < (exported / MODEL_FILE).stat().st_size


def test_texts_of_kept_pieces_have_the_same_logits(exported: Path, words: Path, dataset: Dataset) -> None:
    before, after = (Classifier(folder, max_tokens=MAX_TOKENS) for folder in (exported, words))
    for texts in (dataset.train.texts[:10], dataset.train.texts[:1]):
        np.testing.assert_allclose(after.logits(texts)[0], before.logits(texts)[0], rtol=0, atol=1e-6)


def test_other_words_are_spelled_not_unknown(exported: Path, words: Path, dataset: Dataset) -> None:
    spelled = Tokenizer(words / "tokenizer.json", MAX_TOKENS)
    ids, _ = spelled.encode([*RARE, *dataset.test.texts])
    assert all(spelled.unknown_id not in row for row in ids)
    assert unknown_rate(words / "tokenizer.json", [*RARE, *dataset.test.texts], MAX_TOKENS) == 0


def test_characters_that_were_never_known_stay_unknown(exported: Path, words: Path) -> None:
    texts = ["字 字", "where is my 📦"]
    rates = [unknown_rate(folder / "tokenizer.json", texts, MAX_TOKENS) for folder in (exported, words)]
    assert rates[0] == rates[1] == pytest.approx(3 / 10)


def test_enough_tokens_change_nothing(exported: Path, dataset: Dataset, tmp_path: Path) -> None:
    trim(exported, tmp_path, Trim(tokens=10_000), dataset.train.texts, MAX_TOKENS)
    (tmp_path / "config.json").write_bytes((exported / "config.json").read_bytes())
    before, after = (Classifier(folder, max_tokens=MAX_TOKENS).logits(dataset.train.texts)[0] for folder in (exported, tmp_path))
    np.testing.assert_array_equal(before, after)
