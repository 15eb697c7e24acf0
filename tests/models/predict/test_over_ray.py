"""The same bytes over a Ray cluster of two processes."""

import importlib.util
from pathlib import Path

import pytest

from tests.models.predict.running import ROWS, run, write
from tests.models.predict.test_command import start

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed here: pip install '.[ray]'"
)


@pytest.mark.parametrize("into", ["csv", "parquet"])
def test_a_cluster_writes_what_this_machine_writes(built: Path, tmp_path: Path, into: str) -> None:
    source = write(tmp_path / "in.csv", ROWS * 30)
    run(built, source, tmp_path / f"local.{into}")
    process = start(built, source, tmp_path / f"ray.{into}", "--engine", "ray", "--processes", "2")
    said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert (tmp_path / f"ray.{into}").read_bytes() == (tmp_path / f"local.{into}").read_bytes()


def test_a_broken_row_is_a_sentence(built: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [*ROWS, {"id": "1", "text": " "}])
    process = start(built, source, tmp_path / "out.csv", "--engine", "ray", "--processes", "2")
    _, said = process.communicate(timeout=600)
    assert process.returncode == 2 and "the text is empty" in said and "Traceback" not in said
    assert not (tmp_path / "out.csv").exists()
