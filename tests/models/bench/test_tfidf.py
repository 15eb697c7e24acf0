import pytest

from models.bench.tfidf import LEAST, MOST, START, fit_tfidf, inverse_penalty, winner
from models.data.dataset import Dataset, Split


def test_it_learns_the_training_rows_and_says_its_grid(dataset: Dataset) -> None:
    answer, size, made = fit_tfidf(dataset, dataset.train, 0)
    assert answer(dataset.train.texts) == [dataset.labels[label] for label in dataset.train.labels]
    assert size > 0
    chosen, grid = made.split("LinearSVC with C = ")[1].split(" (validation accuracy at ")
    tried = [float(entry.split(": ")[0]) for entry in grid.rstrip(")").split(", ")]
    assert tried == sorted(tried)
    assert float(chosen) in tried[1:-1], "the winner has a neighbour on either side"
    again, *_ = fit_tfidf(dataset, dataset.train, 0)
    assert again(dataset.test.texts) == answer(dataset.test.texts)


def test_texts_of_symbols_have_words(dataset: Dataset) -> None:
    signs = Split(["🎉 🎉", "🎉🎊", "😡", "😡 😡 !", "🥱", "🥱🥱", "❓", "❓ ❓"], [0, 0, 1, 1, 2, 2, 3, 3])
    answer, *_ = fit_tfidf(dataset, signs, 0)
    assert answer(["🎉", "❓❓"]) == [dataset.labels[0], dataset.labels[3]]


@pytest.mark.parametrize(
    ("scores", "best"),
    [({-1: 0.9, 0: 0.9, 1: 0.9}, START), ({-1: 0.9, 0: 0.8, 1: 0.9}, -1), ({0: 0.8, 1: 0.9, 2: 0.91}, 2)],
)
def test_of_equals_the_one_nearest_to_the_start_wins(scores: dict[int, float], best: int) -> None:
    assert winner(scores) == best


def test_the_grid_has_room() -> None:
    assert inverse_penalty(LEAST) == pytest.approx(1e-4)
    assert inverse_penalty(START) == 1
    assert inverse_penalty(MOST) == pytest.approx(1e4)
