import json
import random
import string
import sys
from functools import cache
from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from models.plan.checkpoint import find_teacher
from models.recipe.recipe import TeacherSource
from models.runtime.tokenization import (
    LONGEST_WORD,
    MOST_BYTES,
    Tokenizer,
    bytes_to_remember,
    normalization,
    words_are_independent,
)

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
    ours, theirs = (
        Tokenizer(folder / "tokenizer.json", 48),
        AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )
    expected = theirs(SAMPLES, truncation=True, max_length=48, padding=False)["input_ids"]
    assert ours.encode(SAMPLES)[0] == expected
    assert [ours.encode([text])[0][0] for text in SAMPLES] == expected


def test_names_of_special_tokens_mean_what_they_mean_to_transformers() -> None:
    folder, text = find_teacher(TeacherSource()).folder, "[CLS] where [SEP] is [MASK] it [PAD]"
    assert Tokenizer(folder / "tokenizer.json", 48).encode([text])[0] == [
        AutoTokenizer.from_pretrained(folder, local_files_only=True)(text)["input_ids"]
    ]


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


@cache
def both_ways(file: Path, max_tokens: int) -> tuple[tokenizers.Tokenizer, Tokenizer]:
    """The whole text's way and ours; opening a vocabulary of 30,000 takes longer than a hundred texts."""
    whole = tokenizers.Tokenizer.from_file(str(file))
    whole.no_padding()
    whole.enable_truncation(max_tokens)
    return whole, Tokenizer(file, max_tokens)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.one_of(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.sampled_from(SAMPLES), st.text()),
        max_size=4,
    )
)
@pytest.mark.parametrize("max_tokens", [8, 48])
def test_looking_words_up_gives_what_the_whole_text_gives(folder: Path, max_tokens: int, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    whole, ours = both_ways(folder / "tokenizer.json", max_tokens)
    expected = [whole.encode(text) for text in texts]
    assert ours.encode(texts) == ([one.ids for one in expected], [bool(one.overflowing) for one in expected])


def test_words_are_looked_up_where_they_are_berts(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    assert words_are_independent(content)
    assert not words_are_independent({**content, "pre_tokenizer": {"type": "Whitespace"}})
    assert not words_are_independent({**content, "normalizer": None})
    assert not words_are_independent({**content, "added_tokens": [{"content": "parcel", "normalized": True}]})


@pytest.fixture
def adversary() -> random.Random:
    return random.Random(0)


def size_in_memory(pieces: dict[str, tuple[int, ...]]) -> int:
    numbers = {id(number): sys.getsizeof(number) for of_word in pieces.values() for number in of_word}
    return (
        sys.getsizeof(pieces)
        + sum(sys.getsizeof(word) + sys.getsizeof(of_word) for word, of_word in pieces.items())
        + sum(numbers.values())
    )


@pytest.mark.parametrize(("shortest", "longest"), [(1, 4), (8, 12), (100, 100), (101, 120), (1, 120)])
def test_what_is_remembered_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, adversary: random.Random, shortest: int, longest: int
) -> None:
    monkeypatch.setattr("models.runtime.tokenization.MOST_BYTES", 100_000)
    assert MOST_BYTES < 10 * 2**20
    tokenizer = Tokenizer(tiny_checkpoint / "tokenizer.json", 512)
    forgotten = 0
    for _ in range(200):
        before = len(tokenizer._pieces)
        tokenizer.encode(
            [
                " ".join(
                    "".join(adversary.choices(string.ascii_letters, k=adversary.randint(shortest, longest)))
                    for _ in range(40)
                )
            ]
        )
        forgotten += len(tokenizer._pieces) < before
        assert size_in_memory(tokenizer._pieces) <= 100_000
    assert forgotten or shortest > LONGEST_WORD
    assert all(len(word) <= LONGEST_WORD for word in tokenizer._pieces)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300), max_size=20))
def test_however_little_is_remembered_the_tokens_are_the_same(tiny_checkpoint: Path, texts: list[str]) -> None:
    file = tiny_checkpoint / "tokenizer.json"
    whole = tokenizers.Tokenizer.from_file(str(file))
    whole.no_padding()
    whole.enable_truncation(48)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.runtime.tokenization.MOST_BYTES", 1000)
        tokenizer = Tokenizer(file, 48)
        assert tokenizer.encode(texts)[0] == [whole.encode(text).ids for text in texts]
        assert tokenizer._bytes == sum(bytes_to_remember(word, pieces) for word, pieces in tokenizer._pieces.items())
        assert tokenizer._bytes <= 1000 or len(tokenizer._pieces) == 1


def test_a_word_too_long_to_remember_is_unknown(tokenizer: Tokenizer) -> None:
    ids, _ = tokenizer.encode(["x" * (LONGEST_WORD + 1)])
    assert ids[0][1:-1] == [tokenizer.unknown_id]
    assert not tokenizer._pieces.keys() & {"x" * (LONGEST_WORD + 1)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("card ?", "card?"),
        ("don't", "Don ' t"),
        ("a.b", "a . b"),
        ("CAFÉ!", "cafe !"),
        ("  tab\tnew\nline", "tab new line"),
        ("a\u200bb", "ab"),
    ],
)
def test_texts_of_the_same_words_and_marks_are_one_text(folder: Path, one: str, other: str) -> None:
    normalize = normalization(folder / "tokenizer.json")
    whole = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert whole.encode(one).ids == whole.encode(other).ids
    assert normalize(one) == normalize(other)
    assert normalize(one) != normalize(one + " x")


def test_a_tokenizer_without_words_and_marks_keeps_apart_what_it_keeps_apart(tmp_path: Path) -> None:
    tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    normalize = normalization(tmp_path / "tokenizer.json")
    assert normalize(" card  ? ") == "card ?" != normalize("card?")
