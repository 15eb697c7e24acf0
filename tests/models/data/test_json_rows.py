import json
from pathlib import Path
from typing import Any

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
            '{"train": [{"text": "a"}], "more": [{"text": "b"}]}',
            "d.json: one JSON object with the keys train, more; expected an array of objects, one such array for each",
        ),
        ('{"train": [{"text": "a"}], "test": [{"text": "b"}], "x": [[1]]}', "keys train, test, x; .*'x' may hold rows"),
        (
            '{"train": [{"text": "a", "label": "b"}], "test": [{"text": "b"}], "more": [{"text": "c"}]}',
            r"the keys train, test, more; expected .* \('more' may hold rows too, which would be lost\)",
        ),
        ('{"train": [{"text": "a", "label": "b"}], "test": "test.json"}', "'test' may hold rows too"),
        (
            '{"train": {"rows": [{"text": "a", "label": 0}], "labels": ["x", "y"]}, "labels": ["y", "x"]}',
            "d.json: 'labels' and 'train.labels' give the classes different names or another order; expected one",
        ),
        (
            '{"train": [{"text": "a"}], "dev": [{"text": "b"}], "val": [{"text": "c"}]}',
            "keys train, dev, val; .*'dev' and 'val' hold",
        ),
        (
            '{"train": [{"text": "a", "split": "x"}], "test": [{"text": "b"}]}',
            "rows of 'train' and 'test' have a 'split' of their",
        ),
        (
            '{"data": [{"text": "a", "label": "b"}], "test": {"text": ["a"], "label": ["b"]}}',
            "with the keys data, test",
        ),
        ('{"data": [{"text": "a", "label": "b"}], "test": ["a", "b"]}', "with the keys data, test"),
        (
            '{"data": [{"text": "a", "label": "b"}], "more": {"held_out": [{"text": "a", "label": "b"}]}}',
            "with the keys data, more",
        ),
        (
            '{"data": [{"text": "a", "label": "b"}], "more": {"text": ["a"], "label": ["b"]}}',
            "with the keys data, more",
        ),
        ('{"data": [{"text": "a"}], "test": [{"text": "b"}]}', "d.json: one JSON object with the keys data, test"),
        ('{"train": [{"text": "a"}], "more": [["b", "c"]]}', "d.json: one JSON object with the keys train, more"),
        ('{"train": [{"text": "a"}], "more": [null, {"text": "b"}]}', "d.json: one JSON object with the keys train"),
        ('{"train": [{"text": "a", "label": "b"}], "test": [["b", "c"]]}', "d.json, row 2: a JSON list"),
        ('{"columns": ["text", "label"], "data": [["a"]]}', "d.json, row 1: 1 value.s.; expected 2, one for each of"),
        ('{"columns": ["text", "text"], "index": [0], "data": [["a", "b"]]}', "with the keys columns, index, data"),
        (
            '{"columns": ["text", "label"], "data": [["a", "b"]], "more": {"columns": ["a"], "data": [[1]]}}',
            "'more' may hold rows too",
        ),
        ('{"text": {"text": "a", "label": "b"}, "label": {"text": "a", "label": "b"}}', "with the keys text, label"),
        ('{"train": {"text": "a", "label": "b"}, "test": {"text": "a", "label": "b"}}', "with the keys train, test"),
        (
            '{"data": [{"text": "a", "label": "b"}], "more": {"0": {"text": "a", "label": "b"}, "1": {"text": "a", '
            '"label": "b"}}}',
            "'more' may hold rows too",
        ),
        (
            '{"data": [{"text": "a", "label": "b"}], "more": {"text": {"0": "a"}, "label": {"0": "b"}}}',
            "'more' may hold rows too",
        ),
        ('{"text": {"0": "a"}, "label": {"1": "c"}}', "d.json: one JSON object with the keys text, label"),
        ('{"text": ["a", "b"], "label": ["c"]}', "d.json: one JSON object with the keys text, label"),
        (json_lines() + '{"text": "x", "label": ' + "9" * 5000 + "}", "d.json, line 61: not usable as JSON"),
        ("7", "d.json, line 1: a JSON int"),
        (
            json_lines() + '{"text": "x", "text": "y", "label": "a"}',
            "d.json, line 61: not usable .*'text' comes twice",
        ),
        ('[{"text": "x",\n"label": "a", "label": "b"}]', "d.json: not usable as JSON .the key 'label' comes twice"),
        ('{"train": [{"text": "a"}],\n"train": [{"text": "b"}]}', "d.json: not usable as JSON .the key 'train' comes"),
    ],
)
def test_another_layout_is_refused_in_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}[^\n]*$"):
        read(file(tmp_path, "d.json", content))


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def test_keys_of_splits_are_read_as_splits(tmp_path: Path) -> None:
    parts = {"train": objects(ROWS[:40]), "Dev": objects(ROWS[40:50]), "test_set": objects(ROWS[50:])}
    for name, part in zip(("train", "dev", "test"), parts.values(), strict=True):
        file(tmp_path, f"same/{name}.json", json.dumps(part))
    same = read(tmp_path / "same")
    assert [len(same.train), len(same.validation), len(same.test)] == [40, 10, 10]
    for content in (parts, {key: columns(part) for key, part in parts.items()}):
        assert read(file(tmp_path, "d.json", json.dumps(content))).sha256 == same.sha256


@pytest.mark.parametrize("names", [["late", "lost", "refund"], {"0": "late", "2": "refund", "1": "lost"}])
@pytest.mark.parametrize("key", ["labels", "label_names", "classes", "id2label"])
def test_names_of_classes_beside_the_rows_take_the_place_of_numbers(tmp_path: Path, key: str, names: Any) -> None:
    order = ["late", "lost", "refund"]
    numbered = objects([(text, "abc".index(label)) for text, label in ROWS])
    same = read(file(tmp_path, "same.csv", delimited([(text, order["abc".index(label)]) for text, label in ROWS])))
    for content in ({"data": numbered, key: names}, {key: names, **columns(numbered)}):
        assert read(file(tmp_path, "d.json", json.dumps(content))).sha256 == same.sha256
    named = objects([(row["text"], order[row["label"]]) for row in numbered])
    assert read(file(tmp_path, "d.json", json.dumps({key: names, "rows": named}))).sha256 == same.sha256
    with pytest.raises(BonsaiError, match=r"d.json, row 61: the label 3 has no name"):
        read(file(tmp_path, "d.json", json.dumps({key: names, "rows": [*numbered, {"text": "x", "label": 3}]})))


@pytest.mark.parametrize(
    "beside",
    [
        {"schema": {"fields": [{"name": "text", "type": "string"}, {"name": "label", "type": "string"}]}},
        {"schema": {"properties": {"text": {"type": "string"}, "label": {"type": "string"}}}},
        {"fields": {"text": "what was said", "label": "what was meant"}, "authors": ["a", "b"]},
        {"test": [], "version": 3},
    ],
)
def test_what_describes_the_rows_is_no_row(tmp_path: Path, beside: dict[str, Any]) -> None:
    same = read(file(tmp_path, "same.csv", delimited()))
    assert read(file(tmp_path, "d.json", json.dumps({**beside, "data": objects()}))).sha256 == same.sha256


@pytest.mark.parametrize("key", ["labels", "label_names", "class_names", "names"])
def test_names_of_classes_and_what_describes_them_stand_beside_splits(
    tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ["late", "lost", "refund"]
    parts = {"train": objects(ROWS[:40]), "dev": objects(ROWS[40:50]), "test": objects(ROWS[50:])}
    same = read(file(tmp_path, "same.json", json.dumps(parts)))
    numbered = {split: [row | {"label": "abc".index(row["label"])} for row in rows] for split, rows in parts.items()}
    beside = {"version": "1.0", "description": "what was asked", "meta": {"authors": ["x"], "rows": {"train": 40}}}
    assert read(file(tmp_path, "d.json", json.dumps({**beside, **parts}))).sha256 == same.sha256
    assert "d.json: beside the rows 'version', 'description', 'meta' are not read" in capsys.readouterr().err
    inner = {split: {"data": rows, key: order} for split, rows in numbered.items()}
    for content in (
        {**beside, **numbered, key: order},
        {key: order, **{k: columns(v) for k, v in numbered.items()}},
        inner,
    ):
        found = read(file(tmp_path, "d.json", json.dumps(content)))
        assert found.labels == tuple(order)
        assert (found.train, found.validation, found.test) == (same.train, same.validation, same.test)
        assert f"{key}' says" in capsys.readouterr().err


def test_what_is_not_read_beside_one_array_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(file(tmp_path, "d.json", json.dumps({"version": 1, "data": objects()})))
    assert "d.json: beside the rows 'version' is not read" in capsys.readouterr().err


@pytest.mark.parametrize("orient", ["index", "columns", "split"])
def test_every_orient_of_pandas_holds_the_same_data(tmp_path: Path, orient: str) -> None:
    def written(rows: list[dict[str, Any]], text: str = "text") -> Any:
        rows = [{"id": number, text: row["text"], "label": row["label"]} for number, row in enumerate(rows)]
        return {
            "index": {f"{number}": row for number, row in enumerate(rows)},
            "columns": {key: {f"{n}": row[key] for n, row in enumerate(rows)} for key in rows[0]},
            "split": {"columns": [*rows[0]], "index": [*range(len(rows))], "data": [[*row.values()] for row in rows]},
        }[orient]

    same = read(file(tmp_path, "same.csv", delimited()))
    assert read(file(tmp_path, "d.json", json.dumps(written(objects())))).sha256 == same.sha256
    asked = file(tmp_path, "d.json", json.dumps(written(objects(), "said")))
    assert read(asked, text_column="said").sha256 == same.sha256
    numbered = objects([(text, "abc".index(label)) for text, label in ROWS])
    named = read(file(tmp_path, "d.json", json.dumps({**written(numbered), "label_names": ["a", "b", "c"]})))
    assert named.sha256 == same.sha256
    splits = {"train": written(objects(ROWS[:40])), "test": written(objects(ROWS[40:]))}
    assert len(read(file(tmp_path, "d.json", json.dumps({"version": 1, **splits}))).test) == 20
