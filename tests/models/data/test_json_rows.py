import json
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, delimited, file, json_lines, objects, read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.jsonl", json_lines()),
        ("d.ndjson", "\n" + json_lines()),
        ("d.json", json_lines()),
        ("d.json", json.dumps(objects())),
        ("d.jsonl", json.dumps(objects(), indent=1)),
        ("d.json", json.dumps({"version": 1, "data": objects()})),
        ("d.json", json.dumps({"rows": objects(), "tags": []})),
        ("d.json", json.dumps({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]})),
        (
            "d.json",
            json.dumps(
                {
                    "text": {str(number): text for number, (text, _) in enumerate(ROWS)},
                    "label": dict(enumerate(label for _, label in ROWS)),
                }
            ),
        ),
        (
            "d.json",
            json.dumps(
                {
                    "text": {str(number): text for number, (text, _) in enumerate(ROWS)},
                    "label": dict(reversed(list(enumerate(label for _, label in ROWS)))),
                }
            ),
        ),
        ("d.json", json.dumps([{"Text ": text, "LABEL": label} for text, label in ROWS])),
    ],
)
def test_every_layout_holds_the_same_data(tmp_path: Path, name: str, content: str) -> None:
    assert read(file(tmp_path, name, content)).sha256 == read(file(tmp_path, "same.csv", delimited())).sha256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "d.json: no rows"),
        ("[]", "d.json: no rows"),
        ("{}", "d.json, line 1: an object without keys"),
        ('["a", "b"]', "d.json, row 1: a JSON str; expected an object; none of its 2 rows"),
        ('[{"text": "a", "label": "b"},\n{"text": ', r"d.json, line 2: not JSON \(.*expected an array of objects"),
        ("[" * 100_000, "d.json: not usable as JSON"),
        (
            '{"train": [{"text": "a"}], "test": [{"text": "b"}]}',
            "d.json: one JSON object with the keys train, test; expected an array",
        ),
        ('{"data": [{"text": "a"}], "test": [{"text": "b"}]}', "d.json: one JSON object with the keys data, test"),
        ('{"train": [{"text": "a"}], "test": [["b", "c"]]}', "d.json: one JSON object with the keys train, test"),
        ('{"train": [{"text": "a"}], "test": [null, {"text": "b"}]}', "d.json: one JSON object with the keys train"),
        ('{"text": {"0": "a"}, "label": {"1": "c"}}', "d.json: one JSON object with the keys text, label"),
        ('{"text": ["a", "b"], "label": ["c"]}', "d.json: one JSON object with the keys text, label"),
        (json_lines() + '{"text": "x", "label": ' + "9" * 5000 + "}", "d.json, line 61: not usable as JSON"),
        ("7", "d.json, line 1: a JSON int"),
    ],
)
def test_another_layout_is_refused_in_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}[^\n]*$"):
        read(file(tmp_path, "d.json", content))
