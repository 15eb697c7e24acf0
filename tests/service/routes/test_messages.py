import pytest

from service.routes.messages import MAX_TEXTS, PredictRequest, parse_request
from service.routes.refused import Refused


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
        (b'{"texts": ["a"], "top_k": null}', 400, "'top_k' is None; expected a whole number from 1 on"),
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


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts":["a"],"texts":["b"]}',
        b'{"top_k":1,"te\\u0078ts":["\\ud83d\\ude00", "\xc3\xa9"]}',
        b'{"texts":["a"],"top_k":18446744073709551616}',
        b'{"texts":["a\x7f\\u0000"]} ',
    ],
)
def test_what_is_read_without_the_model_is_read_as_by_the_model(body: bytes) -> None:
    model = PredictRequest.model_validate_json(body)
    assert parse_request(body) == (model.texts, model.top_k)
