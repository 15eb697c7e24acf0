"""What is written down of a request is the same however it is cut, and each time it is asked."""

from models.runtime.classifier import Prediction
from service.experiments.ids import Signer
from service.experiments.recording import fail, note
from service.experiments.running import Assigned, Standing
from tests.service.experiments.test_assignment import experiment


def assigned() -> Assigned:
    signer = Signer("one", 3, "teacher", False, b"s" * 32)
    return Assigned(
        "teacher", Standing(experiment(teacher=0.5, nano=0.5), 3, "running"), "0123456789abcdef", signer=signer
    )


def test_a_large_request_in_pieces_has_the_rows_of_the_whole() -> None:
    texts = [f"text {number}" for number in range(150)]
    predictions = [Prediction([("a", 0.9)], False) for _ in texts]
    noted = note(assigned(), "v", texts, predictions, 1.8e9, 2.0)
    pieces = noted.pieces(64)
    assert [len(piece.texts) for piece in pieces] == [64, 64, 22]
    rows = [row for piece in pieces for row in piece.rows()]
    assert rows == noted.rows()
    assert [row.first for row in rows] == [True] + [False] * 149
    assert len({row.id for row in rows}) == len(set(noted.ids)) == 150


def test_a_failure_keeps_its_key_when_it_is_sent_again() -> None:
    failure = fail(assigned(), "v", 503, 1.8e9, 2.0)
    assert failure.rows() == failure.rows()
    assert failure.pieces(1) == [failure]
    assert failure.rows()[0].failed
