import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import BertForSequenceClassification
from transformers.models.bert.modeling_bert import BertLayer

from models.bench.benchmark import open_build
from models.bench.controls import (
    AGAIN,
    EAGER,
    PLAIN,
    STATIC,
    STOCK_INT8,
    TAUGHT,
    TFIDF,
    EagerPyTorch,
    control_rows,
    quantize_stock,
    write_plain,
)
from models.bench.ensemble import Ensemble
from models.bench.quiet import quiet
from models.data.dataset import Dataset, Split
from models.prove.latency import Answer
from models.runtime.card import Card
from models.runtime.classifier import Classifier, Predictor
from models.runtime.tokenization import Tokenizer
from models.train.encoder import layers
from tests.models.conftest import MAX_TOKENS

LONG = "please cancel the order and i want my money back now " * 8  # more than the tiny model reads


@pytest.fixture(scope="module")
def exported(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BertForSequenceClassification]:
    """The plain export of the tiny teacher, with the torch model that it was made from."""
    folder = tmp_path_factory.mktemp("controls") / "plain"
    with quiet():
        return folder, write_plain(
            Ensemble(open_build(built, None)[1], built / ".steps", 0).folder(0), built / "teacher", folder
        )


def test_the_plain_export_is_the_torch_model(
    exported: tuple[Path, BertForSequenceClassification], dataset: Dataset
) -> None:
    folder, model = exported
    assert all(type(layer) is BertLayer for layer in layers(model))
    tokenizer, classifier = Tokenizer(folder / "tokenizer.json", MAX_TOKENS), Classifier(folder, max_tokens=MAX_TOKENS)
    for text in [*dataset.test.texts, LONG]:
        with torch.inference_mode():
            expected = model(input_ids=torch.tensor(tokenizer.encode([text])[0])).logits.numpy()
        assert np.abs(classifier.logits([text])[0] - expected).max() < 1e-4
    padded = classifier.logits([*dataset.test.texts, LONG])[0]
    assert (
        np.abs(padded - np.concatenate([classifier.logits([text])[0] for text in [*dataset.test.texts, LONG]])).max()
        < 1e-4
    )


def test_the_plain_export_is_plain(exported: tuple[Path, BertForSequenceClassification]) -> None:
    graph = onnx.load(exported[0] / "model.onnx").graph
    assert {node.name for node in graph.input} == {"input_ids", "attention_mask", "token_type_ids"}
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}, "fused operators make it another denominator"


def test_the_plain_export_answers_as_the_teacher(
    exported: tuple[Path, BertForSequenceClassification], variants: dict[str, tuple[Card, Predictor]], dataset: Dataset
) -> None:
    classifier, teacher = Classifier(exported[0], max_tokens=MAX_TOKENS), variants["teacher"][1]
    assert isinstance(teacher, Classifier)
    assert np.abs(classifier.logits(dataset.test.texts)[0] - teacher.logits(dataset.test.texts)[0]).max() < 1e-4


@pytest.mark.parametrize("padding", ["longest", "max_length"])
def test_eager_pytorch_answers_as_the_plain_export(
    exported: tuple[Path, BertForSequenceClassification], dataset: Dataset, padding: str
) -> None:
    folder, _ = exported
    texts = [*dataset.test.texts, LONG, *dataset.train.texts]
    expected = [prediction.label for prediction in Classifier(folder, max_tokens=MAX_TOKENS).predict(texts)]
    eager = EagerPyTorch(folder, MAX_TOKENS, padding)
    assert eager(texts) == expected
    assert [eager([text])[0] for text in texts] == expected


def test_stock_int8_quantizes_every_weight_product(
    exported: tuple[Path, BertForSequenceClassification], tmp_path: Path
) -> None:
    with quiet():
        quantize_stock(exported[0], tmp_path / "stock")
    graph = onnx.load(tmp_path / "stock" / "model.onnx").graph
    weights = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    assert {"MatMulInteger"} <= {node.op_type for node in graph.node}
    assert weights, "signed weights are what VNNI multiplies"


def test_every_control_answers_every_text(built: Path, tmp_path: Path) -> None:
    pytest.importorskip("model2vec", reason="the static embeddings' row is made by model2vec")
    ensemble = Ensemble(open_build(built, None)[1], built / ".steps", 36_000)
    dataset = ensemble.plan.dataset
    made, left_out = control_rows(ensemble, built / "teacher", dataset.train.texts, tmp_path)
    rows = {row.name: row for row in made}
    fitted = [TFIDF, TFIDF + TAUGHT, STATIC, STATIC + TAUGHT]
    assert list(rows) == [PLAIN, AGAIN, EAGER, f"eager PyTorch, padded to {MAX_TOKENS}", STOCK_INT8, *fitted]
    assert left_out == {}
    for row in rows.values():
        _answers_every_text(row.open(), dataset)
    assert rows[AGAIN].open() is not rows[PLAIN].open(), "two sessions"
    sizes = {name: row.about["bytes"] for name, row in rows.items()}
    assert sizes[STOCK_INT8] < sizes[PLAIN]
    assert min(sizes.values()) > 0
    assert all(
        "the training rows and 20 variations of them, labelled by the mean of 2 teachers"
        in rows[name + TAUGHT].about["made"]
        for name in (TFIDF, STATIC)
    )


def test_what_cannot_be_fitted_leaves_itself_out(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.bench.controls.find_spec", lambda _: None)
    plan = open_build(built, None)[1]
    nothing = replace(plan, dataset=replace(plan.dataset, train=Split([" "] * 4, [0, 1, 2, 3])))
    rows, left_out = control_rows(Ensemble(nothing, built / ".steps", 0), built / "teacher", [], tmp_path)
    assert [row.name for row in rows] == [PLAIN, AGAIN, EAGER, f"eager PyTorch, padded to {MAX_TOKENS}", STOCK_INT8]
    assert "empty vocabulary" in left_out[TFIDF]
    assert re.fullmatch(
        r"it needs model2vec, which is not installed; run 'pip install --no-deps model2vec==\d+\.\d+\.\d+'",
        left_out[STATIC],
    )


def test_the_exported_folder_keeps_the_variants_tokenizer(
    exported: tuple[Path, BertForSequenceClassification], built: Path
) -> None:
    folder, _ = exported
    assert json.loads((folder / "tokenizer.json").read_text()) == json.loads(
        (built / "teacher" / "tokenizer.json").read_text()
    )


def _answers_every_text(answer: Answer, dataset: Dataset) -> None:
    texts = [*dataset.test.texts, LONG, *dataset.train.texts]
    answers = answer(texts)
    assert len(answers) == len(texts)
    assert set(answers) <= set(dataset.labels)
    assert answer(texts[:1]) == answers[:1]
