import pytest

from service.routes.messages import MAX_TEXTS, parse_request
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
