"""Whatever stands in a data file is read, or one sentence says why not."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data.columns import Table
from models.data.readers import SUFFIXES, read_table
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

SOURCE = DatasetSource()
DELIMITED = st.text(alphabet="text,label;\t\"'\n\r \\é=sep\ufeff\u2028\x85", max_size=80).map(str.encode)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "label", "a"]), inner),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())
CONTENT = st.binary(max_size=60) | DELIMITED | st.lists(JSON, max_size=4).map(b"\n".join)


def read(folder: Path, suffix: str, content: bytes) -> None:
    file = folder / f"train{suffix}"
    file.write_bytes(content)
    try:
        assert isinstance(read_table(file, file.name, SOURCE), Table)
    except BonsaiError as refused:
        assert 0 < len(str(refused)) < 2000


@settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suffix=st.sampled_from(SUFFIXES), content=CONTENT)
def test_whatever_a_file_holds_is_read_or_one_sentence(suffix: str, content: bytes, tmp_path: Path) -> None:
    read(tmp_path, suffix, content)


@settings(max_examples=50, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suffix=st.sampled_from([".csv", ".jsonl"]), content=CONTENT, kept=st.integers(0, 60))
def test_a_compressed_file_may_be_cut(suffix: str, content: bytes, kept: int, tmp_path: Path) -> None:
    read(tmp_path, f"{suffix}.gz", gzip.compress(content)[:kept])


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".json", b"[" * 100_000),
        (".jsonl", b"[" * 100_000),
        (".jsonl", b'{"text": "a", "label": 1e400}'),
        (".jsonl", b'{"text": "a", "label": NaN}'),
        (".jsonl", b'{"text": "\\ud800", "label": "a"}'),
        (".jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}"),
        (".csv", b'text,label\n"' + b"a" * 200_000),
        (".parquet", b"PAR1" + b"\0" * 100 + b"PAR1"),
        (".arrow", b"ARROW1\0\0" + b"\xff" * 100),
    ],
)
def test_what_no_data_hold_is_read_or_one_sentence(suffix: str, content: bytes, tmp_path: Path) -> None:
    read(tmp_path, suffix, content)
