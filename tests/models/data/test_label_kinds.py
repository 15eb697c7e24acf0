import json
import re
from pathlib import Path
from typing import Any

import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import delimited, file, json_lines, objects, parquet_bytes, read


def rows(*labels: Any) -> list[tuple[str, Any]]:
    return [(f"text {number}", label) for number, label in enumerate(labels * 10)]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((True, False, 1, 0), "line 3: the label is 1 here and true at d.jsonl, line 1, and both may mean one class"),
        ((0, False), "line 2: the label is false here and 0 at d.jsonl, line 1, and both may mean one class"),
        ((True, 2, "maybe"), "expected either true and false or whole numbers in all rows"),
        (("maybe", 0.0, True), "line 3: the label is true here and 0.0 at d.jsonl, line 2"),
        ((True, "1", False, "0"), 'line 2: the label is "1" here and true at d.jsonl, line 1'),
        (("yes", "no", True), "expected either yes and no or true and false in all rows"),
        (("yes", "no", "y"), 'line 3: the label is "y" here and "yes" at d.jsonl, line 1, and both may mean one class'),
        (("N", "x", "No"), "expected either y and n or yes and no in all rows"),
        (("True", "False", "T"), "expected either true and false or t and f in all rows"),
        (("f", True), 'the label is true here and "f" at d.jsonl, line 1'),
    ],
)
def test_one_class_in_two_kinds_is_refused_with_both_places(tmp_path: Path, labels: Any, said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^d.jsonl, [^\n]*{re.escape(said)}[^\n]*$"):
        read(file(tmp_path, "d.jsonl", json_lines(rows(*labels))))


def test_it_is_refused_over_files_and_layouts_too(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"^d.json, row 2: the label is 1 here and true at d.json, row 1"):
        read(file(tmp_path, "d.json", json.dumps(objects(rows(True, 1)))))
    with pytest.raises(BonsaiError, match=r'^d.csv, line 4: the label is "0" here and "TRUE" at d.csv, line 2'):
        read(file(tmp_path, "d.csv", delimited(rows("TRUE", "FALSE", "0"))))
    folder = tmp_path / "folder"
    file(folder, "train.csv", delimited(rows("1", "0")))
    data = parquet_bytes({"text": ["a", "b"], "label": [True, False]})
    file(folder, "test.parquet", data)
    with pytest.raises(BonsaiError, match=r'^test.parquet, row 1: the label is true here and "1" at train.csv, line 2'):
        read(folder)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((True, False), ("False", "True")),
        ((True, "False"), ("False", "True")),
        ((1, "1", 1.0, 0), ("0", "1")),
        ((1, "yes"), ("1", "yes")),
        (("true", "42", "false"), ("42", "false", "true")),
        ((True, "a"), ("True", "a")),
        (("Y", "N"), ("N", "Y")),
        (("t", "f", "y", "n", "1"), ("1", "f", "n", "t", "y")),
        (("True", "y"), ("True", "y")),
        (("yes", "t"), ("t", "yes")),
    ],
)
def test_what_is_one_class_is_one_and_what_may_be_two_is_two(tmp_path: Path, labels: Any, names: Any) -> None:
    assert read(file(tmp_path, "d.jsonl", json_lines(rows(*labels)))).labels == names


def test_booleans_and_numbers_that_classes_are_named_for_are_one(tmp_path: Path) -> None:
    content = {"data": objects(rows(True, 0, False, 1)), "label_names": ["off", "on"]}
    assert read(file(tmp_path, "d.json", json.dumps(content))).labels == ("off", "on")
