from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.routes import json_body
from service.routes.json_body import MOST_LEVELS, check_strings, read_json, shown, whole
from service.routes.refused import Refused


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"\xff", "not valid UTF-8"),
        (b'"\xed\xa0\x80"', "not valid UTF-8"),
        (b'{"reason": "\\ud800"}', "surrogate"),
        (b'{"a": NaN}', "unexpected character"),
        (b'{"a": Infinity}', "unexpected character"),
        (b'{"a": 1e400}', "infinity"),
        (b"9" * 5000, "infinity"),
        (b'{"a": -9223372036854775809}', "-9223372036854775809 is no number of 64 bits"),
        (b'{"a": 1, "a": 1}', "the key 'a' is there twice"),
        (b'[{"a": {"b": 1, "b": 2}}]', "the key 'b' is there twice"),
        (b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1), "more than 64 levels deep"),
        (b"[" * 900 + b"]" * 900, "more than 64 levels deep"),
        (b'{"a":' * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_plain_json_is_one_sentence(body: bytes, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read_json(body)
    assert caught.value.status == 400
    assert said in caught.value.sentence
    assert len(caught.value.sentence) < 300


def test_a_whole_number_is_one_however_it_is_written() -> None:
    read = read_json(b'[1, 1.0, 1e2, -0.0, 1.5, 1e300, true, "1.0"]')
    assert [(type(one), one) for one in read] == [
        (int, 1), (int, 1), (int, 100), (int, 0), (float, 1.5), (float, 1e300), (bool, True), (str, "1.0"),
    ]  # fmt: skip
    assert whole(float("nan")) != whole(float("nan"))


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789eE+-.truefalsn\\u ', max_size=60).map(str.encode))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read: Any = read_json(body)
    except Refused as refused:
        assert refused.status == 400
    else:
        assert read is None or isinstance(read, (dict, list, str, int, float))


@given(st.lists(st.text(alphabet='a"\\\u00e9', max_size=6), max_size=9))
@settings(max_examples=150)
def test_strings_are_counted_whatever_is_escaped_in_them(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_body, "MOST_STRINGS", 4)
        try:
            check_strings(orjson.dumps({"texts": texts}), "4 texts")
            assert len(texts) + 1 <= 4
        except Refused as refused:
            assert len(texts) + 1 > 4 and refused.status == 413


@pytest.mark.parametrize(("value", "said"), [(None, "null"), (True, "true"), ("é", '"é"'), (10**4000, f"1{39 * '0'}…")])
def test_a_value_is_shown_as_json_has_it(value: Any, said: str) -> None:
    assert shown(value) == said
