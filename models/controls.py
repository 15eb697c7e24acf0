"""The benchmark's control rows: what one would run without this project, each made from the very checkpoint that the variants come from."""

import io
import logging
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification
from transformers.models.bert.modeling_bert import BertLayer

from models.architecture import layers, load_model
from models.card import MODEL_FILE
from models.classifier import BATCH, Classifier, Predictor
from models.dataset import Dataset
from models.errors import BonsaiError

PLAIN = "plain fp32 ONNX export"
AGAIN = f"{PLAIN}, again"  # the A/A control: the same object under another name
EAGER = "eager PyTorch, dynamic length"
STOCK_INT8 = "stock Optimum INT8 (avx512_vnni, dynamic)"
TFIDF = "TF-IDF + logistic regression"
STATIC = "static embeddings (model2vec)"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
MODEL2VEC = "model2vec==0.7.0"  # later ones want skeletoken or huggingface-hub 1, which transformers 4.57 cannot have
INVERSE_PENALTY = 10.0  # scikit-learn's C: of 10, 30 and 100 the best on Banking77's validation rows, for both kinds of features

Answer = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Row:
    """Something that gives texts their labels: one text, or many in batches of 32 of like length."""

    name: str
    answer: Answer
    about: dict[str, Any]  # what a table says of it beside its times
    offline_batches: int | None = None  # so many of the test set's batches are timed; all of them when None


def predicting(predictor: Predictor) -> Answer:
    """Return what asks a predictor for labels alone."""
    return lambda texts: [prediction.label for prediction in predictor.predict(texts)]


def control_rows(trained: Path, tokenizer: Path, dataset: Dataset, max_tokens: int, workplace: Path) -> list[Row]:
    """Make every control: `trained` holds the teacher's weights, `tokenizer` the tokenizer's files, `workplace` takes what is exported."""
    if find_spec("model2vec") is None:
        raise BonsaiError(f"the row '{STATIC}' needs model2vec, which is not installed; run 'pip install --no-deps {MODEL2VEC}'")
    plain, stock = workplace / "plain", workplace / "stock_int8"
    with quiet():
        write_plain(trained, tokenizer, plain)
        quantize_stock(plain, stock)
    exported = predicting(Classifier(plain, max_tokens=max_tokens))
    weights = (plain / "model.safetensors").stat().st_size
    same_object = "in ONNX Runtime through the class that serves the variants: same tokenizer, same batches"
    return [
        Row(PLAIN, exported, _about(f"Optimum's export, not optimized further, {same_object}", (plain / MODEL_FILE).stat().st_size)),
        Row(AGAIN, exported, _about("the row above a second time", (plain / MODEL_FILE).stat().st_size)),
        Row(EAGER, EagerPyTorch(plain, max_tokens, "longest"), _about("transformers' auto classes, inference mode, attention as they choose", weights), 16),
        Row(
            f"eager PyTorch, padded to {max_tokens}",
            EagerPyTorch(plain, max_tokens, "max_length"),
            _about(f"the same, every text padded to {max_tokens} tokens", weights),
            8,
        ),
        Row(
            STOCK_INT8,
            predicting(Classifier(stock, max_tokens=max_tokens)),
            _about(f"Optimum's ORTQuantizer over the plain export, {same_object}", (stock / MODEL_FILE).stat().st_size),
        ),
        tfidf_row(dataset),
        static_row(plain, dataset, max_tokens),
    ]


def write_plain(trained: Path, tokenizer: Path, folder: Path) -> BertForSequenceClassification:
    """Save the teacher as any fine-tuned BERT is saved, with a last layer that computes all tokens, and let Optimum export it beside that."""
    from optimum.exporters.onnx import main_export  # takes seconds to import

    model = load_model(trained)
    for layer in layers(model):
        layer.__class__ = BertLayer  # the opposite of `cls_only`
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / name)
    kept = (folder / "tokenizer.json").read_bytes()
    main_export(folder, output=folder, task="text-classification", library_name="transformers")
    (folder / "tokenizer.json").write_bytes(kept)  # Optimum writes back what transformers made of it
    return model


def quantize_stock(plain: Path, folder: Path) -> None:
    """Quantize the plain export as Optimum's documentation says for this CPU."""
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    config = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
    ORTQuantizer.from_pretrained(plain, file_name=MODEL_FILE).quantize(save_dir=folder, quantization_config=config)
    (folder / "model_quantized.onnx").rename(folder / MODEL_FILE)
    for name in (*TOKENIZER_FILES, "config.json"):
        shutil.copyfile(plain / name, folder / name)


class EagerPyTorch:
    """A fine-tuned BERT as transformers' documentation runs it."""

    def __init__(self, folder: Path, max_tokens: int, padding: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        self._options = {"padding": padding, "truncation": True, "max_length": max_tokens, "return_tensors": "pt"}

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Return the labels of the texts, in their order; sorted by characters, as sentence-transformers does, before they are cut into batches."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        answers = [""] * len(texts)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            numbers = self._model(**self._tokenizer([texts[row] for row in rows], **self._options)).logits.argmax(-1).tolist()
            for row, number in zip(rows, numbers, strict=True):
                answers[row] = self._model.config.id2label[number]
        return answers


def tfidf_row(dataset: Dataset) -> Row:
    """Fit words and pairs of words, weighted by TF-IDF, under a logistic regression."""
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), logistic_regression())
    pipeline.fit(dataset.train.texts, dataset.train.labels)
    about = _about("scikit-learn, words and pairs of words, fitted on the training rows", len(pickle.dumps(pipeline)))
    return Row(TFIDF, in_batches(lambda texts: [dataset.labels[number] for number in pipeline.predict(texts)]), about)


def static_row(plain: Path, dataset: Dataset, max_tokens: int) -> Row:
    """Distill the teacher's encoder into one vector a token (model2vec: its outputs for single tokens, PCA, frequency weights) and fit on their means."""
    from model2vec.distill import distill_from_model  # type: ignore[import-not-found,unused-ignore]

    with quiet():
        encoder = AutoModel.from_pretrained(plain, add_pooling_layer=False)
        dimensions = min(256, encoder.config.hidden_size)
        static = distill_from_model(model=encoder, tokenizer=AutoTokenizer.from_pretrained(plain), pca_dims=dimensions, device="cpu")

    def encode(texts: Sequence[str]) -> Any:
        return static.encode(list(texts), max_length=max_tokens, use_multiprocessing=False)

    head = logistic_regression().fit(encode(dataset.train.texts), dataset.train.labels)
    size = static.embedding.nbytes + len(static.tokenizer.to_str()) + len(pickle.dumps(head))
    about = _about(f"{MODEL2VEC}, {dimensions} dimensions, from the teacher's encoder; scikit-learn's logistic regression fitted on the training rows", size)
    return Row(STATIC, in_batches(lambda texts: [dataset.labels[number] for number in head.predict(encode(texts))]), about)


def logistic_regression() -> LogisticRegression:
    """Return the untrained head of both rows that have no BERT."""
    return LogisticRegression(C=INVERSE_PENALTY, max_iter=1000)


def in_batches(answer: Answer) -> Answer:
    """Let a row that pads nothing, and so needs no order, meet the same batches as the others."""
    return lambda texts: [label for start in range(0, len(texts), BATCH) for label in answer(texts[start : start + BATCH])]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the exporters say of their own inner parts, and their bars, off the terminal; errors come through."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _about(made: str, size: int) -> dict[str, Any]:
    return {"kind": "control", "made": made, "bytes": size}
