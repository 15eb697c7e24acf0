from itertools import islice
from pathlib import Path

import pytest

from loadtest.ask.corpus import Question, check_expected, read_corpus, shuffled
from loadtest.errors import LoadTestError

CORPUS = tuple(Question(f"text {number}", "a", {"teacher": "a"}) for number in range(20))


def test_reads_texts_labels_and_expected_labels(corpus_file: Path) -> None:
    corpus = read_corpus(corpus_file)
    assert len(corpus) == 30
    assert all(question.expected["teacher"] == question.label for question in corpus)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"not json\n", "line 1"),
        (b'{"text": "a", "label": "b", "expected": {}}\n{"text": "a"}\n', "line 2"),
        (b'{"text": 1, "label": "b", "expected": {}}\n', "must be strings"),
        (b'{"text": "a", "label": "b", "expected": {"teacher": 3}}\n', "must be strings"),
        (b"[1, 2]\n", "line 1"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b'{"text": "\\ud800", "label": "b", "expected": {}}\n', "line 1: the text holds half a surrogate pair"),
        (b"[" * 100_000, "line 1"),
    ],
)
def test_refuses_what_is_no_corpus(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(content)
    with pytest.raises(LoadTestError, match=said):
        read_corpus(file)


def test_a_missing_corpus_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=r"python -m models\.build"):
        read_corpus(tmp_path / "none.jsonl")


def test_a_variant_without_expected_labels_is_refused() -> None:
    check_expected(CORPUS, ["teacher"], Path("corpus.jsonl"))
    with pytest.raises(LoadTestError, match=r"'int8' \(it has teacher\)"):
        check_expected(CORPUS, ["teacher", "int8"], Path("corpus.jsonl"))


def test_the_same_seed_asks_the_same_texts_and_every_text_once_a_pass() -> None:
    one, same, other = (list(islice(shuffled(CORPUS, seed), 40)) for seed in ("1", "1", "2"))
    assert one == same
    assert one != other
    assert sorted(question.text for question in one[:20]) == sorted(question.text for question in CORPUS)
