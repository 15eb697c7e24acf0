import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.routes import messages
from service.routes.feedback import parse_feedback
from service.routes.inference import read_request
from service.routes.instances import read_instances
from service.routes.messages import MAX_TEXTS, parse_assigned, parse_request
from service.routes.refused import Refused

KEYS = (
    "texts",
    "top_k",
    "user",
    "feedback",
    "prediction_id",
    "label",
    "value",
    "instances",
    "text",
    "inputs",
    "name",
    "shape",
    "datatype",
    "data",
    "outputs",
    "parameters",
)


def test_a_request_is_read() -> None:
    request = parse_request(b'{"texts": ["a", "b"], "top_k": 3}')
    assert (request.texts, request.top_k) == (["a", "b"], 3)
    assert parse_request(b'{"texts": ["a"]}').top_k == 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "the body is not JSON: "),
        (b"[1]", 400, "the body is a JSON array; expected an object with 'texts' and, optionally, 'top_k'"),
        (b'{"texts": [" "]}', 400, "texts[0] is blank; expected text to classify"),
        (b'{"texts": ["a"], "top_k": null}', 400, "'top_k' is null; expected a whole number from 1 on"),
        (b'{"texts": ["a"], "": 1}', 400, "unknown key ''; expected 'texts' and, optionally, 'top_k'"),
        (b'{"texts": ["a"], ' + b'"a": 1, ' * 20_000 + b'"b": 1}', 413, "the body holds more than 16,384 strings and"),
        (b'{"texts": {}}', 400, f"texts is a JSON object; expected a list of 1 to {MAX_TEXTS} strings"),
        (
            b'{"texts": [' + b'"a",' * MAX_TEXTS + b'"a"]}',
            413,
            f"{MAX_TEXTS + 1} texts in one request; expected at most {MAX_TEXTS}",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(body: bytes, status: int, said: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_request(body)
    assert caught.value.status == status
    assert caught.value.sentence.startswith(said)


@pytest.mark.parametrize("given", ["1.0", "1e0"])
def test_a_whole_number_is_one_however_it_is_written(given: str) -> None:
    assert parse_request(b'{"texts": ["a"], "top_k": %s}' % given.encode()).top_k == 1


@pytest.mark.parametrize("given", ["1.5", "true", '"1"', "1e400", "NaN", "-1", "0", "[]", "1e300"])
def test_what_is_none_is_said(given: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_request(b'{"texts": ["a"], "top_k": %s}' % given.encode())
    assert caught.value.status == 400


ALMOST_RIGHT = st.fixed_dictionaries(
    {"texts": st.lists(st.sampled_from(["a", "wo ist es?", "\0", " ", "", "\u2028", 1, None]), max_size=3)},
    optional={
        "top_k": st.sampled_from([1, 3, 0, -1, True, 1.0, 1.5, 10**30, "1", None]),
        "user": st.sampled_from(["anna", "", " ", None, 1, ["anna"]]),
        "other": st.sampled_from(["x", None, 1]),
    },
)


@settings(max_examples=1000, derandomize=True)
@given(ALMOST_RIGHT, st.sampled_from([None, "user", "texts", "top_k"]), st.booleans())
def test_what_is_read_quickly_is_what_the_models_say(
    content: dict[str, object], field: str | None, others: bool
) -> None:
    body = json.dumps(content).encode()

    def read() -> object:
        try:
            return parse_assigned(body, field, others=others), field is None and not others and parse_request(body)
        except Refused as refused:
            return refused.status, refused.sentence

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(messages, "_right", lambda body, field: None)
        by_the_models = read()
    assert read() == by_the_models


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.sampled_from([1.0, 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=400, derandomize=True)
@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_read_or_one_sentence(body: bytes) -> None:
    for read in (parse_request, lambda body: parse_assigned(body, "user"), parse_feedback, read_instances):
        try:
            assert read(body)
        except Refused as refused:
            assert refused.status in (400, 413)
            assert 0 < len(refused.body) < 1000
    try:
        assert read_request(body, None).texts
    except Refused as refused:
        assert refused.status in (400, 413)
        assert 0 < len(refused.body) < 1000
