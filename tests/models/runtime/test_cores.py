from pathlib import Path

import pytest

from models.runtime import cores as module
from models.runtime.cores import cores


@pytest.mark.parametrize(
    ("content", "expected"), [("max 100000", 64.0), ("50000 100000", 0.5), ("200000 100000", 2.0), ("broken", 64.0)]
)
def test_a_quota_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, expected: float) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    monkeypatch.setattr(module, "V2", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    assert cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 64.0), ("150000", 1.5)])
def test_so_is_one_of_the_first_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: float
) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    monkeypatch.setattr(module, "V2", tmp_path / "none")
    monkeypatch.setattr(module, "V1", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    assert cores() == expected


def test_without_a_quota_the_cores_bound_to_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "V2", tmp_path / "none")
    monkeypatch.setattr(module, "V1", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert cores() == 1.0
