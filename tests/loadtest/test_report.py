import shutil
from pathlib import Path

import pytest

from loadtest.report import main


def test_everything_is_drawn_from_result_json_alone(
    tmp_path: Path, good_run: tuple[object, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(good_run[1] / "latest" / "result.json", tmp_path)
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "table.md").read_text(encoding="utf-8").strip() == capsys.readouterr().out.strip()
    for name in (
        "table.md",
        "comparison.json",
        "latency_accuracy.png",
        "latency_p99.png",
        "latency_ecdf.png",
        "report.html",
    ):
        assert (tmp_path / name).read_bytes() == (good_run[1] / "latest" / name).read_bytes()


def test_a_folder_without_a_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: no run at")
    assert said.count("\n") == 1
