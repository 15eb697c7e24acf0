from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from loadtest.ask.traffic import Traffic, mix
from loadtest.errors import LoadTestError


def test_the_corpus_is_asked_unless_told_otherwise(corpus_file: Path) -> None:
    traffic = Traffic(str(corpus_file))
    assert traffic.source == str(corpus_file)
    asked = list(islice(traffic.order(["int8"], "1"), 60))
    assert len({question.text for question in asked}) == 30
    assert asked[0].expected["int8"] == asked[0].label
    with pytest.raises(LoadTestError, match="lacks expected labels for 'other'"):
        traffic.questions(["other"])


def test_texts_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("one\n\n two \n", encoding="utf-8")
    questions = Traffic("", texts_file=str(file)).questions(["any"])
    assert [question.text for question in questions] == ["one", "two"]
    assert questions[0].expected == {}
    with pytest.raises(LoadTestError, match="holds no text"):
        (tmp_path / "empty.txt").write_text("\n")
        Traffic("", texts_file=str(tmp_path / "empty.txt")).questions([])
    with pytest.raises(LoadTestError, match="cannot be read"):
        Traffic("", texts_file=str(tmp_path / "none.txt")).questions([])


def test_texts_of_lengths_come_in_their_shares() -> None:
    questions = Traffic("", lengths="8,128:3").questions(["any"])
    words = Counter(len(question.text.split()) for question in questions)
    assert set(words) == {6, 126}  # [CLS] and [SEP] make them 8 and 128 tokens
    assert words[126] == pytest.approx(3 * words[6], abs=3)


@pytest.mark.parametrize("lengths", ["x", "2", "513", "8,8", "8:0", "8:x", ",", "²", "8:1e308", "8:nan", "9" * 5000])
def test_lengths_that_cannot_be_are_refused(lengths: str) -> None:
    with pytest.raises(LoadTestError):
        Traffic("", lengths=lengths).questions([])


def test_only_one_source_of_texts() -> None:
    with pytest.raises(LoadTestError, match="both given"):
        Traffic("", texts_file="a", lengths="8").questions([])


def test_a_mix_has_names_and_weights() -> None:
    assert mix("teacher=1,int8=3.5,tiny") == {"teacher": 1.0, "int8": 3.5, "tiny": 1.0}
    for text in ("", "=1", "a=0", "a=-1", "a=b", "a=1,a=2", "a=inf"):
        with pytest.raises(LoadTestError, match=r"like teacher=1,int8=3"):
            mix(text)
