import pytest

from service.routes.instances import read_instances
from service.routes.refused import Refused


def test_texts_and_objects_are_read() -> None:
    assert read_instances(b'{"instances": ["a", "b"]}') == ["a", "b"]
    assert read_instances(b'{"instances": [{"text": "a"}], "parameters": {}}') == ["a"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"instances": []}', 400),
        (b'{"instances": ["a", 1]}', 400),
        (b'{"instances": [" "]}', 400),
        (b'{"instances": [{"text": "a", "x": 1}]}', 400),
        (b'{"instances": [' + b'"a",' * 4096 + b'"a"]}', 413),
    ],
)
def test_what_is_wrong_is_one_sentence(body: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        read_instances(body)
    assert caught.value.status == status
    assert 'expected {"instances"' in caught.value.sentence
    assert len(caught.value.sentence) < 400
