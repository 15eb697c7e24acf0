from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.serving.result import read_result, write_result
from tests.loadtest.serving.conftest import figures, stored


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    result = stored([{"ours": {"1x1": figures(100, 2)}}])
    write_result(tmp_path / "serving.json", result)
    assert read_result(tmp_path / "serving.json") == result


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("{}", "is no comparison of servers"),
        (stored([]).model_copy(update={"schema_version": 99}).model_dump_json(), "has schema version 99"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "serving.json").write_text(content, encoding="utf-8")
    with pytest.raises(LoadTestError, match=said):
        read_result(tmp_path / "serving.json")
