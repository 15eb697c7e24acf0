import json
from pathlib import Path

import pytest

from loadtest.ask.corpus import Question
from loadtest.serving.bodies import bodies, write_bodies


def texts_of(lines: list[str]) -> list[list[str]]:
    return [json.loads(line)["texts"] for line in lines]


def test_every_text_is_asked_once_before_one_comes_again(questions: tuple[Question, ...]) -> None:
    asked = texts_of(bodies(questions, 1, "1"))
    assert sorted(text for texts in asked for text in texts) == sorted(question.text for question in questions)
    assert [texts[0] for texts in asked] != [question.text for question in questions]


def test_the_same_seed_asks_the_same_and_another_one_another_order(questions: tuple[Question, ...]) -> None:
    assert bodies(questions, 32, "1.1") == bodies(questions, 32, "1.1") != bodies(questions, 32, "1.2")


@pytest.mark.parametrize("size", [32, 1000])
def test_a_request_has_as_many_texts_as_it_should_even_of_a_small_corpus(
    questions: tuple[Question, ...], size: int
) -> None:
    asked = texts_of(bodies(questions, size, "1"))
    assert {len(texts) for texts in asked} == {size}
    assert len(asked) >= 16


def test_a_line_is_a_body_whatever_its_text_holds(tmp_path: Path) -> None:
    odd = 'two\nlines, a\u2028separator and "quotes"'
    file = write_bodies(tmp_path, [Question(odd, "x", {})], [1], "1")[1]
    assert texts_of(file.read_text(encoding="utf-8").split("\n")[:-1]) == [[odd]]
