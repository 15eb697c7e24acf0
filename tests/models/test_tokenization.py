import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from models.recipe import TeacherSource
from models.teacher import find_teacher
from models.tokenization import MOST_WORDS, Tokenizer, words_are_independent

SAMPLES = [
    "where is my parcel",
    "WHERE'S my Parcel?!",
    "naïve café über Ⅷ ﬁne",
    "سلام أين طردي",
    "我的包裹在哪里",
    "📦🚚 👩🏽‍💻 where?",
    "a\x00b\u200bc\ufeffd\u202ee",
    "tab\tnew\nline  double",
    "x" * 101,
    "e\u0301 é",
    "",
    "   ",
    "antidisestablishmentarianism " * 60,
]


@pytest.fixture(params=["tiny", "embedded"])
def folder(request: pytest.FixtureRequest, tiny_checkpoint: Path) -> Path:
    return tiny_checkpoint if request.param == "tiny" else find_teacher(TeacherSource()).folder


def test_same_ids_as_transformers(folder: Path) -> None:
    ours, theirs = Tokenizer(folder / "tokenizer.json", 48), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    expected = theirs(SAMPLES, truncation=True, max_length=48, padding=False)["input_ids"]
    assert ours.encode(SAMPLES)[0] == expected
    assert [ours.encode([text])[0][0] for text in SAMPLES] == expected


def test_names_of_special_tokens_mean_what_they_mean_to_transformers() -> None:
    folder, text = find_teacher(TeacherSource()).folder, "[CLS] where [SEP] is [MASK] it [PAD]"
    assert Tokenizer(folder / "tokenizer.json", 48).encode([text])[0] == [AutoTokenizer.from_pretrained(folder, local_files_only=True)(text)["input_ids"]]


def test_padding_of_the_file_is_stripped(tokenizer: Tokenizer) -> None:
    ids, _ = tokenizer.encode(["money", "where is my parcel"])
    assert [len(row) for row in ids] == [3, 6]
    assert len(tokenizer.encode(["money"])[0][0]) == 3


@pytest.mark.parametrize(("words", "cut"), [(46, False), (47, True), (400, True)])
def test_truncation_is_reported_alone_and_in_a_batch(tokenizer: Tokenizer, words: int, cut: bool) -> None:
    text = "money " * words
    for texts in ([text], ["parcel", text]):
        ids, truncated = tokenizer.encode(texts)
        assert len(ids[-1]) == min(words + 2, 48)
        assert truncated == [False] * (len(texts) - 1) + [cut]


@pytest.mark.parametrize("text", ["money " * 170_000, "x" * 1_000_000, "📦" * 250_000, " " * 1_000_000])
def test_a_megabyte_is_truncated(tokenizer: Tokenizer, text: str) -> None:
    for texts in ([text], [text, "money"]):
        ids, truncated = tokenizer.encode(texts)
        assert len(ids[0]) <= 48
        assert truncated[0]


def test_nothing_gives_nothing(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode([]) == ([], [])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.sampled_from(SAMPLES), st.text()), max_size=4))
@pytest.mark.parametrize("max_tokens", [8, 48])
def test_looking_words_up_gives_what_the_whole_text_gives(folder: Path, max_tokens: int, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    whole = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    whole.no_padding()
    whole.enable_truncation(max_tokens)
    expected = [whole.encode(text) for text in texts]
    assert Tokenizer(folder / "tokenizer.json", max_tokens).encode(texts) == ([one.ids for one in expected], [bool(one.overflowing) for one in expected])


def test_words_are_looked_up_where_they_are_berts(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    assert words_are_independent(content)
    assert not words_are_independent({**content, "pre_tokenizer": {"type": "Whitespace"}})
    assert not words_are_independent({**content, "normalizer": None})
    assert not words_are_independent({**content, "added_tokens": [{"content": "parcel", "normalized": True}]})


def test_what_is_remembered_is_bounded(tokenizer: Tokenizer) -> None:
    for first in range(0, MOST_WORDS + 2000, 40):
        tokenizer.encode([" ".join(f"w{number}" for number in range(first, first + 40))])
    assert len(tokenizer._pieces) <= MOST_WORDS
    assert tokenizer.encode(["where is my parcel"]) == tokenizer.encode(["where is my parcel"])
