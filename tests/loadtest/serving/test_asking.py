import re
from collections.abc import Callable

import pytest

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving.asking import NoAnswerError, ask, check_labels, labels_of
from loadtest.serving.running import Setting, running
from loadtest.serving.servers import Server


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("", None),
        ("wrong", "of 30 texts asked alone it gave 30 labels, 20 of them others"),
        ("short", "it gave 0 labels"),
        ("refusing", "did not answer a text of the build (status 503)"),
    ],
)
def test_labels_are_those_of_the_build_or_the_difference_is_said(
    canned: Callable[..., Server], setting: Setting, questions: tuple[Question, ...], kind: str, said: str | None
) -> None:
    with running(canned(kind), setting, questions[0].text) as started:
        if said is None:
            check_labels("canned", started.url, "int8", questions)
        else:
            with pytest.raises(LoadTestError, match=f"server 'canned' .*{re.escape(said)}"):
                check_labels("canned", started.url, "int8", questions)


def test_a_list_is_an_answer_as_an_object_is() -> None:
    predictions = [{"label": "a", "score": 1.0}, {"label": "b", "score": 0.5}]
    assert labels_of(predictions) == labels_of({"predictions": predictions}) == ["a", "b"]


@pytest.mark.parametrize("answer", [{}, {"error": "no"}, [1], 7, {"predictions": None}])
def test_what_is_no_answer_is_said(answer: object) -> None:
    with pytest.raises(NoAnswerError, match="no predictions"):
        labels_of(answer)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="refused"):
        ask("http://127.0.0.1:1/predict", ["a text"])
