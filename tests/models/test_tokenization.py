from pathlib import Path

import pytest
from transformers import AutoTokenizer

from models.recipe import TeacherSource
from models.teacher import find_teacher
from models.tokenization import Tokenizer

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
