import pytest

from service.routes.instances import read_instances
from service.routes.refused import Refused


def test_texts_and_objects_are_read() -> None:
    assert read_instances(b'{"instances": ["a", "b"]}') == ["a", "b"]
    assert read_instances(b'{"instances": [{"text": "a"}], "parameters": {}}') == ["a"]
    assert read_instances(b'{"instances": ["a", {"text": "b"}]}') == ["a", "b"]


@pytest.mark.parametrize(
    ("instance", "said"),
    [
        ('{"text": "a", "b": 1}', "unknown key 'b' in instances[1]; expected"),
        ('{"text": ""}', "'text' of instances[1] is \"\"; expected"),
        ('{"text": 1}', "'text' of instances[1] is 1; expected"),
        ("{}", "'text' of instances[1] is missing; expected"),
        ("null", "instances[1] is null; expected"),
        ('""', "instances[1] is an empty string; expected"),
    ],
)
def test_the_sentence_names_what_is_wrong(instance: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read_instances(b'{"instances": ["a", %s]}' % instance.encode())
    assert caught.value.sentence.startswith(said)


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
