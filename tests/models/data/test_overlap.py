from pathlib import Path
from random import Random

import pytest

from models.data.overlap import count_overlap, near_duplicates
from tests.models.files import delimited, file, read

WORDS = [
    f"{first}{second}{third}"
    for first in "bcdfghklmnprstvz"
    for second in ("a", "en", "ir", "oul", "ost", "u")
    for third in ("t", "mel", "ron", "sk", "va", "pli", "hend")
]


def sentences(count: int, words: int, seed: int) -> list[str]:
    order = Random(seed)
    return [" ".join(order.choices(WORDS, k=words)) for _ in range(count)]


@pytest.mark.parametrize("words", [7, 12, 60])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "!",
        str.upper,
        lambda text: text.replace(" ", ", "),
        lambda text: f"o {text}",
        lambda text: text[:11] + "x" + text[12:],
    ],
)
def test_slight_changes_are_near_duplicates(words: int, change: object) -> None:
    texts = sentences(200, words, 0)
    changed = [change(text) for text in texts]  # type: ignore[operator]
    assert len(near_duplicates(changed, [*texts, *sentences(300, words, 1)])) >= 0.95 * len(set(changed))


@pytest.mark.parametrize("words", [6, 12, 60])
def test_other_texts_of_the_same_words_are_not(words: int) -> None:
    assert len(near_duplicates(sentences(300, words, 0), sentences(1000, words, 1))) <= 3


def test_texts_of_any_script_and_length() -> None:
    texts = ["", "a", "?", "📦📦", "ü", "我的包裹在哪里，现在还没有到", "क्या मेरा पार्सल आ गया है"]
    assert near_duplicates(["zzzzzz", "!"], texts) == set()
    assert near_duplicates(["我的包裹在哪里？现在还没有到！"], texts) == {"我的包裹在哪里？现在还没有到！"}
    assert near_duplicates([], texts) == near_duplicates(texts, []) == set()


def test_the_same_rows_give_the_same_counts() -> None:
    one, other = sentences(300, 5, 0), sentences(300, 5, 1)
    assert near_duplicates(one, other) == near_duplicates(one, other)


def test_counts() -> None:
    train = [("where is my parcel today", "late"), ("i want my money back", "refund"), ("i want my money back", "late")]
    validation = [("my card was charged twice", "charge")]
    test = [
        ("where is my parcel today", "late"),
        ("my card was charged twice", "late"),
        ("where is my parcel today ?", "late"),
        ("please cancel the whole order", "cancel"),
    ]
    assert count_overlap(train, validation, test) == {
        "trained_on": 2,
        "near_duplicates": 1,
        "contradictory": 2,
        "restated": 1,
    }


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: f"{text}.",
        lambda text: f"\u201c{text}\u201d ?",
        lambda text: text.replace(" ", "-"),
        lambda text: text.replace(" ", " \u200b"),
        lambda text: text.replace(" ", "\u00a0\u2014"),
    ],
)
def test_texts_that_differ_in_case_and_punctuation_alone_are_restated(change: object) -> None:
    texts = sentences(300, 5, 0)
    train = [(text, "a") for text in texts[:200]]
    test = [(change(text), "a") for text in texts[100:]]  # type: ignore[operator]
    found = count_overlap(train, [], test)
    assert (found["trained_on"], found["restated"]) == (0, 100)
    assert found["near_duplicates"] >= 100


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("\u0915\u0940 \u092c\u093e\u0924", "\u0915\u093e \u092c\u093e\u0924"),  # which differ in a vowel's mark
        ("it costs 1.5", "it costs 15"),
        ("it costs 5 $", "it costs 5 \u20ac"),
        ("good \U0001f44d", "good \U0001f44e"),
        ("?", "!"),
    ],
)
def test_what_is_no_punctuation_keeps_texts_apart(text: str, other: str) -> None:
    assert "restated" not in count_overlap([(text, "a")], [], [(other, "a")])


@pytest.mark.parametrize(("different", "times"), [(8, 50), (400, 1), (1, 7)])
def test_texts_that_the_test_asks_again_are_counted(different: int, times: int) -> None:
    test = [(text, "a") for text in sentences(different, 9, 0)] * times
    found = count_overlap([("where is my parcel", "a")], [], test)
    assert found.get("repeated", 0) == len(test) - different
    assert ("repeated" in found) == (times > 1)


def test_overlap_is_counted_by_the_tokenizers_idea_of_equal_and_stands_in_the_description(tmp_path: Path) -> None:
    texts = sentences(40, 8, 0)
    train = [(text, "ab"[number % 2]) for number, text in enumerate(texts)]
    file(tmp_path, "train.csv", delimited(train))
    file(
        tmp_path,
        "test.csv",
        delimited(
            [
                (texts[0].upper(), "a"),
                (texts[1].replace(" ", "  "), "a"),
                (f"{texts[2]}!", "a"),
                (sentences(1, 8, 1)[0], "b"),
            ]
        ),
    )
    found = read(tmp_path)
    counts = {"trained_on": 2, "near_duplicates": 1, "contradictory": 1, "restated": 1}
    assert found.overlap == found.describe()["overlap"] == counts
    said = (
        "of 4 test rows 2 are also training or validation rows and 1 are nearly equal to one, 1 of them but for case "
        "and punctuation; texts that bear different labels: 1"
    )
    assert str(found.overlap_in_words()).endswith(said)
    assert (
        read(
            file(
                tmp_path,
                "d.csv",
                delimited([(text, "ab"[number % 2]) for number, text in enumerate(sentences(60, 8, 2))]),
            )
        ).overlap_in_words()
        is None
    )
