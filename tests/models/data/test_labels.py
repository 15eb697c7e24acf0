import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from models.data.labels import label_name, label_order, refuse_same_names, untested_in_words, whole_numbers
from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, read


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *(
            (value, "refund")
            for value in ("refund", " refund ", "refund\n", "\ufeffrefund", "re\u00adfund\u200b", "refund\u00a0")
        ),
        *((value, "money back") for value in ("money back", "money  back", "money\u00a0back", "money\tback")),
        *((value, "café") for value in ("café", "cafe\u0301")),
        *((value, "1") for value in (1, 1.0, "1", Decimal("1.0"))),
        *((value, None) for value in (None, "", "  ", "\u200b", float("nan"), Decimal("nan"))),
        *((value, None) for value in ("nan", "NaN", "<NA>", "NULL", "\\N", "#N/A", "#REF!")),
        *((value, None) for value in ("Null", "null", "N/A", "n/a", " N/a ")),
        *((value, value) for value in ("None", "none", "Nan", "NA", "nullable")),
        *((value, "refund") for value in ("refund\u200e", "\u2068refund\u2069")),
        *((value, value) for value in ("[URGENT]", "(other)", "[Q1 2024]", "{name}")),
        (True, "True"),
    ],
)
def test_one_label_has_one_spelling(value: Any, name: str | None) -> None:
    assert label_name(value) == name


@pytest.mark.parametrize(
    "value",
    [
        *(1.5, float("inf"), ["a"], {"a": 1}, b"a", Decimal("1.5")),
        *('["a"]', "('a', 'b')", "[0 1]", "[ 0  12 ]", "{'a': 1}", '{"choices": ["a", "b"]}'),
    ],
)
def test_what_is_no_label_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a name or a whole number"):
        label_name(value)


def test_whole_numbers_lose_their_point_where_all_labels_are_such() -> None:
    assert whole_numbers(["1.0", "2.", "3"]) == {"1.0": "1", "2.": "2", "3": "3"}
    assert whole_numbers(["1", "2"]) == whole_numbers(["1.0", "2.1"]) == whole_numbers(["1.0", "a"]) == {}


@pytest.mark.parametrize("other", ["Refund", "REFUND", "ｒefund"])
def test_labels_that_differ_only_in_how_they_are_written_are_refused_with_their_counts(
    tmp_path: Path, other: str
) -> None:
    with pytest.raises(
        BonsaiError,
        match=(
            rf"data set 'd': the labels .*'{other}' \(2 rows\).* differ only in how they are written; expected one "
            r"spelling a label"
        ),
    ):
        read(
            file(
                tmp_path,
                "d.csv",
                delimited([*ROWS, *((f"back {number}", "refund") for number in range(5)), ("x", other), ("y", other)]),
            )
        )


@pytest.mark.parametrize("labels", [("1", "01"), ("1", "1.0", "other"), ("2", "02", "3")])
def test_one_number_in_two_spellings_is_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(BonsaiError, match="differ only in how they are written"):
        refuse_same_names(Counter(labels), "d")


@pytest.mark.parametrize(
    "labels",
    [
        *(("lost_card", other) for other in ("lost card", "lost-card", "lost\u2011card", "Lost - Card", "lost__card")),
        *(("refund", f"refund{mark}") for mark in "\u200d\u200c\ufe0f\u061c\x01\x7f\ufeff."),
        ("can't", "can\u2019t"),
        ("terms & fees", "terms &amp; fees"),
        ("\u2764", "\u2764\ufe0f"),
    ],
)
def test_labels_that_look_alike_are_refused_with_what_is_not_seen_of_them(labels: tuple[str, str]) -> None:
    with pytest.raises(BonsaiError, match=r"^[^\n]* differ only in how they are written; expected one") as refused:
        refuse_same_names(Counter(dict.fromkeys(labels, 3)), "d")
    shown = re.findall(r"'(.*?)' \(3 rows\)", str(refused.value))
    assert len({*shown}) == 2
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "labels",
    [
        ("a", "b", "ä", "1", "1.5", "10", "-1", "-"),
        ("A", "A-", "A+", "-A"),
        ("C", "C++", "C#", ".", "..."),
        ("lost card", "lostcard", "card lost"),
        ("\U0001f44d", "\U0001f44d\U0001f3fd"),
    ],
)
def test_other_labels_are_not_refused(labels: tuple[str, ...]) -> None:
    refuse_same_names(Counter(labels), "d")


def test_a_label_that_may_be_a_gap_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(file(tmp_path, "d.csv", delimited([*ROWS, *((f"x {number}", "None") for number in range(9))])))
    assert found.labels == ("None", "a", "b", "c")
    assert "d: 9 rows have the label 'None', which is taken for a class" in capsys.readouterr().err


@pytest.mark.parametrize(("untested", "said"), [
    (["d"], "the label 'd' has no test row: what a variant loses of it is not seen"),
    (["d", "e"], "2 labels, as 'd', have no test row: what a variant loses of them is not seen"),
    ([], ""),
])  # fmt: skip
def test_labels_without_a_test_row_are_said(
    tmp_path: Path, untested: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [("the same text", label) for label in untested] * 2
    file(tmp_path, "train.csv", delimited([*ROWS, *again]))
    file(tmp_path, "test.csv", delimited([("another", "a"), ("one more", "b"), ("the last", "c")]))
    found = read(tmp_path)
    assert found.describe().get("untested", []) == found.untested == untested
    assert said in capsys.readouterr().err
    assert untested_in_words(untested) == said if untested else "untested" not in found.describe()


def test_the_spellings_of_a_label_are_one_class(tmp_path: Path) -> None:
    spelled = [("refund", " refund ", "refund\u00a0", "re\u200bfund")[number % 4] for number in range(12)]
    rows = [*ROWS, *((f"back {number}", label) for number, label in enumerate(spelled))]
    clean = [*ROWS, *((f"back {number}", "refund") for number in range(12))]
    assert (
        read(file(tmp_path, "d.csv", delimited(rows))).sha256
        == read(file(tmp_path, "same.csv", delimited(clean))).sha256
    )


def test_order() -> None:
    assert label_order({"10", "2", "-1"}) == ("-1", "2", "10")
    assert label_order({"10", "2", "a"}) == ("10", "2", "a")
