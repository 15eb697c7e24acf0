"""The last load test is read from a file that another program wrote, whatever became of it."""

import json
from pathlib import Path

import pytest

from service.routes.load_test import MOST_BYTES, read_load_test
from service.routes.refused import Refused


def test_the_first_file_that_is_there_is_read_as_it_was_written(last_load_test: Path, tmp_path: Path) -> None:
    found = read_load_test([tmp_path / "none.json", last_load_test])
    assert found.model_dump(mode="json") == json.loads(last_load_test.read_text(encoding="utf-8"))
    assert found.tables[0].rows[0][0] == "teacher"
    assert all(len(row) == len(table.heads) for table in found.tables for row in table.rows)


def test_where_there_is_none_the_command_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^no load test travels with these variants; 'make loadtest' ") as refused:
        read_load_test([tmp_path / "none.json", tmp_path])
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"run": {}}', b"\xff", b"[" * 100_000, b'{"a": "' + b"a" * MOST_BYTES + b'"}'],
    ids=["empty", "cut", "another", "half", "no text", "deep", "large"],
)
def test_what_is_no_comparison_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "comparison.json"
    file.write_bytes(content)
    with pytest.raises(
        Refused, match=r"^'comparison\.json' is no load test of this version .*make loadtest"
    ) as refused:
        read_load_test([file])
    assert refused.value.status == 404
    assert "\n" not in refused.value.sentence
