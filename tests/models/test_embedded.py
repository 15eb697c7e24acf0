"""The shipped data set is real sentences and a fair test."""

import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from models.data.dataset import Dataset, load_dataset
from models.recipe.recipe import DatasetSource

FREQUENT_WORDS = 150
WORD = re.compile(r"\w+(?:['’]\w+)*")


@pytest.fixture(scope="module")
def embedded() -> Dataset:
    return load_dataset(DatasetSource())


@pytest.fixture(scope="module")
def texts(embedded: Dataset) -> list[str]:
    return embedded.train.texts + embedded.validation.texts + embedded.test.texts


def test_size(embedded: Dataset) -> None:
    assert len(embedded.labels) >= 24
    assert len(embedded.train) + len(embedded.validation) >= 2400
    assert len(embedded.test) >= 600
    assert len(embedded.out_of_scope) >= 60


def test_every_intent_is_trained_and_tested(embedded: Dataset) -> None:
    for split in (embedded.train, embedded.validation, embedded.test):
        assert set(split.labels) == set(range(len(embedded.labels)))


def test_texts_are_distinct_and_out_of_scope_ones_are_apart(embedded: Dataset, texts: list[str]) -> None:
    plain = [" ".join(WORD.findall(text.lower())) for text in (*texts, *embedded.out_of_scope)]
    assert [text for text, count in Counter(plain).items() if count > 1] == []


def test_no_test_text_is_close_to_a_training_text(embedded: Dataset) -> None:
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, dtype=np.int32)
    train = grams.fit_transform(embedded.train.texts + embedded.validation.texts)
    grams_of = grams.build_analyzer()
    sizes = np.array([len(set(grams_of(text))) for text in embedded.test.texts])
    shared = (grams.transform(embedded.test.texts) @ train.T).toarray()
    jaccard = shared / np.maximum(sizes[:, None] + np.asarray(train.sum(axis=1)).ravel() - shared, 1)
    assert [embedded.test.texts[row] for row in np.flatnonzero(jaccard.max(axis=1) > 0.6)] == []


def test_no_sentence_frame_covers_more_than_one_percent(texts: list[str]) -> None:
    split = [WORD.findall(text.lower()) for text in texts]
    frequent = {word for word, _ in Counter(word for words in split for word in words).most_common(FREQUENT_WORDS)}
    frames = Counter(" ".join(word if word in frequent else "_" for word in words) for words in split)
    assert [(frame, count) for frame, count in frames.items() if count > 0.01 * len(texts)] == []
