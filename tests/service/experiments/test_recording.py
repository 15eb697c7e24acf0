"""What is written down of a request."""

from models.runtime.classifier import Prediction
from service.experiments.ids import Signer, read
from service.experiments.recording import fail, note
from service.experiments.running import Assigned, Standing
from service.store.rows import Served
from tests.service.experiments.test_assignment import experiment

SECRET = b"s" * 32


def assigned() -> Assigned:
    signer = Signer("x", 3, "teacher", False, SECRET)
    return Assigned(
        "teacher", Standing(experiment(teacher=0.5, nano=0.5), 3, "running"), "0123456789abcdef", signer=signer
    )


def test_each_text_has_an_id_and_a_row() -> None:
    texts = [f"text {number}" for number in range(150)]
    predictions = [Prediction([("a", 0.9), ("b", 0.1)], False), *[Prediction([("b", 0.8)], False) for _ in texts[1:]]]
    noted = note(assigned(), "v", texts, predictions, 1.8e9, 2.0)
    first = noted.rows[0]
    assert first == Served(
        id=first.id, experiment="x", revision=3, arm="teacher", version="v", unit="0123456789abcdef", at=1.8e9,
        label="a", score=0.9, ms=2.0, status=200, override=False, text=None, expires=None, first=True,
    )  # fmt: skip
    assert [row.first for row in noted.rows] == [True] + [False] * 149
    assert [row.label for row in noted.rows] == ["a"] + ["b"] * 149
    assert [read(id, SECRET).key for id in noted.ids] == [row.id for row in noted.rows]
    assert len({row.id for row in noted.rows}) == 150


def test_texts_are_kept_for_as_long_as_the_experiment_says() -> None:
    kept = experiment(teacher=0.5, nano=0.5).model_copy(update={"keep_texts_days": 2.0})
    told = assigned()._replace(standing=Standing(kept, 3, "running"))
    noted = note(told, "v", ["where is it"], [Prediction([("a", 0.9)], False)], 1.8e9, 2.0)
    assert (noted.rows[0].text, noted.rows[0].expires) == ("where is it", 1.8e9 + 2 * 86_400)


def test_a_failure_is_a_row_without_an_answer() -> None:
    failure = fail(assigned(), "v", 503, 1.8e9, 2.0)
    assert failure.status == 503
    assert failure.first
    assert (failure.experiment, failure.revision, failure.arm, failure.unit) == ("x", 3, "teacher", assigned().unit)
    assert (failure.label, failure.score, failure.text) == (None, None, None)
