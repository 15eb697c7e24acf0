import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Dataset
from models.runtime.card import Card
from models.runtime.classifier import PADDING, Classifier, Predictor, Spent, length_sorted_batches, softmax
from tests.models.conftest import VARIANTS

Variants = dict[str, tuple[Card, Predictor]]


@pytest.fixture(scope="module")
def teacher(variants: Variants) -> Predictor:
    return variants["teacher"][1]


@pytest.fixture(scope="module")
def texts(dataset: Dataset) -> list[str]:
    """More than a batch, of mixed lengths."""
    return [text * (1 + place % 3) for place, text in enumerate(dataset.train.texts * 2)]


def test_order_is_kept(teacher: Predictor, texts: list[str]) -> None:
    together = teacher.predict(texts)
    assert [prediction.label for prediction in together] == [teacher.predict([text])[0].label for text in texts]
    assert [prediction.label for prediction in teacher.predict(texts[::-1])] == [
        prediction.label for prediction in together[::-1]
    ]


@pytest.mark.parametrize("variant", ["teacher", "pruned", "distilled"])
def test_one_text_or_a_batch_gives_the_same_logits(variants: Variants, texts: list[str], variant: str) -> None:
    classifier = variants[variant][1]
    assert isinstance(classifier, Classifier)
    alone = np.concatenate([classifier.logits([text])[0] for text in texts])
    for batch in (1, 7, 128):
        np.testing.assert_allclose(classifier.logits(texts, batch=batch)[0], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_top_k_is_sorted_and_bounded(variants: Variants, variant: str) -> None:
    predictor = variants[variant][1]
    for top_k in (1, 2, 4, 99):
        (prediction,) = predictor.predict(["where is my parcel"], top_k)
        scores = [score for _, score in prediction.top]
        assert len(scores) == min(top_k, 4)
        assert scores == sorted(scores, reverse=True)
        assert prediction.top[0] == predictor.predict(["where is my parcel"])[0].top[0]
    assert sum(scores) == pytest.approx(1)
    assert {label for label, _ in prediction.top} == set(predictor.labels)


def test_temperature_softens_the_scores_and_keeps_the_label(built: Path, texts: list[str]) -> None:
    sharp, warm = (Classifier(built / "teacher", max_tokens=48, temperature=temperature) for temperature in (1.0, 5.0))
    for hard, soft in zip(sharp.predict(texts), warm.predict(texts), strict=True):
        assert soft.label == hard.label
        assert soft.top[0][1] <= hard.top[0][1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_truncation_is_told_text_by_text(variants: Variants, variant: str) -> None:
    predictions = variants[variant][1].predict(["money", "money " * 60, "x" * 1_000_000, "money " * 46])
    assert [prediction.truncated for prediction in predictions] == [False, True, True, False]


@pytest.mark.parametrize("text", ["\x00", "\u202eright to left", "📦" * 100, "شحنتي", " ", "\u200b"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_any_unicode_gets_an_answer(variants: Variants, variant: str, text: str) -> None:
    (prediction,) = variants[variant][1].predict([text])
    assert 0 < prediction.top[0][1] <= 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_texts_no_predictions(variants: Variants, variant: str) -> None:
    assert variants[variant][1].predict([]) == []


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("top_k", [1, 2])
def test_what_it_took_is_added_up(variants: Variants, texts: list[str], variant: str, top_k: int) -> None:
    spent = Spent()
    started = time.perf_counter()
    for asked in (texts, texts[:1]):
        before = spent.tokenize, spent.infer
        variants[variant][1].predict(asked, top_k, spent)
        assert spent.tokenize > before[0] and spent.infer > before[1]
    assert spent.tokenize + spent.infer < time.perf_counter() - started


@pytest.mark.parametrize("variant", ["teacher", "distilled_int8", "cascade"])
def test_threads_may_share_a_classifier(variants: Variants, texts: list[str], variant: str) -> None:
    predictor = variants[variant][1]
    expected = [predictor.predict([text], 4) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: predictor.predict([text], 4), texts)) == expected


def test_labels_are_in_the_order_of_the_logits(built: Path, teacher: Predictor) -> None:
    names = json.loads((built / "teacher" / "config.json").read_text())["id2label"]
    assert teacher.labels == [names[str(number)] for number in range(len(names))]


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(
        softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]], dtype=np.float32)), [[0.5, 0.5], [0.0, 1.0]]
    )


@pytest.mark.parametrize("size", [1, 3, 100])
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=200))
def test_batches_hold_every_row_once_by_length_and_little_padding(size: int, lengths: list[int]) -> None:
    ids = [[0] * length for length in lengths]
    batches = list(length_sorted_batches(ids, size))
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(ids)))
    assert [len(ids[row]) for row in rows] == sorted(lengths)
    for batch, following in zip(batches, [*batches[1:], None], strict=True):
        assert len(batch) <= size and padding(ids, batch) <= PADDING
        if following is not None:  # nothing more would have had a place
            assert len(batch) == size or padding(ids, [*batch, following[0]]) > PADDING


def padding(ids: list[list[int]], rows: list[int]) -> int:
    held = [len(ids[row]) for row in rows]
    return len(held) * max(held) - sum(held)
