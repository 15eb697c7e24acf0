from pathlib import Path

import pytest

from models.prove.coverage import TEXTS_AT_ONCE, Coverage, card_coverages, card_warnings, coverage, warnings
from models.runtime.card import read_card
from models.runtime.tokenization import Tokenizer


@pytest.fixture(params=["wordpiece", "unigram"])
def either(request: pytest.FixtureRequest, tiny_checkpoint: Path, unigram_checkpoint: Path) -> Tokenizer:
    return Tokenizer((tiny_checkpoint if request.param == "wordpiece" else unigram_checkpoint) / "tokenizer.json", 8)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["money", "where is my parcel"], Coverage(0, 0)),
        (["money " * 6], Coverage(0, 0)),
        (["money " * 7, "money"], Coverage(0.5, 0)),
        (["字", "字 字"], Coverage(0, 1)),
        (["字 " * 40], Coverage(1, 1)),
        ([], Coverage(0, 0)),
        (["   "], Coverage(0, 0)),
    ],
)
def test_shares_leave_the_frame_of_a_text_out(tiny_checkpoint: Path, texts: list[str], expected: Coverage) -> None:
    assert coverage(Tokenizer(tiny_checkpoint / "tokenizer.json", 8), texts) == expected


def test_a_part_is_counted_whatever_the_unknown_token_is_called(either: Tokenizer) -> None:
    assert coverage(either, ["where is my parcel"]) == Coverage(0, 0)
    assert 0 < coverage(either, ["where is my 字"]).unknown < 0.5
    assert coverage(either, ["where is my parcel"] * TEXTS_AT_ONCE + ["money " * 9] * TEXTS_AT_ONCE).truncated == 0.5


def test_more_than_a_fifth_is_warned_of() -> None:
    assert warnings({"training": Coverage(0.2, 0.2), "test": Coverage(0, 0)}, 48) == []
    cut, unknown = warnings({"training": Coverage(1, 0.21), "test": Coverage(0.5, 0)}, 48)
    assert cut.startswith(
        "100 % of the training texts and 50 % of the test texts are cut: the model reads their first 48 tokens"
    )
    assert unknown.startswith("21 % of the training texts' word pieces are unknown to the tokenizer")


def test_a_card_holds_them_and_names_the_variant_that_alone_is_warned_of(built: Path) -> None:
    teacher, small, cascade = (read_card(built / name) for name in ("teacher", "distilled", "cascade"))
    assert card_coverages(teacher) == {"training": Coverage(0, 0), "test": Coverage(0, 0)}
    assert card_coverages(cascade) == {}
    assert card_warnings([teacher, small, cascade]) == []
    odd = {"unknown_tokens": {"test": 1.0}, "truncated_texts": {"test": 0.5}}
    cut, unknown, own = card_warnings(
        [teacher.model_copy(update=odd), small.model_copy(update={**odd, "truncated_texts": {"test": 0.75}}), cascade]
    )
    assert cut.startswith("50 % of the test texts are cut")
    assert unknown.startswith("100 % of the test texts' word pieces")
    assert own.startswith("distilled: 75 % of the test texts are cut")
