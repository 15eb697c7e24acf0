from pathlib import Path

import pytest

from models.runtime import cores as module
from models.runtime.cores import cores


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 cores whose control groups are folders of the test's."""
    monkeypatch.setattr(module, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(module, "V2", tmp_path / "v2")
    monkeypatch.setattr(module, "V1", tmp_path / "v1")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    return tmp_path


def limit(folder: Path, **files: str) -> None:
    """Make a control group with these files, `_` for the first point of a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(content + "\n")


@pytest.mark.parametrize(
    ("content", "expected"), [("max 100000", 64.0), ("50000 100000", 0.5), ("200000 100000", 2.0), ("broken", 64.0)]
)
def test_a_quota_is_obeyed(machine: Path, content: str, expected: float) -> None:
    limit(machine / "v2", cpu_max=content)
    assert cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 64.0), ("150000", 1.5)])
def test_so_is_one_of_the_first_version(machine: Path, quota: str, expected: float) -> None:
    limit(machine / "v1", cpu_cfs_quota_us=quota, cpu_cfs_period_us="100000")
    assert cores() == expected


def test_a_units_quota_is_that_of_its_own_group(machine: Path) -> None:
    """systemd's CPUQuota=100%, of a service in no namespace of its own: the root has no such file."""
    (machine / "cgroup").write_text("0::/system.slice/bonsai.service\n")
    limit(machine / "v2/system.slice", cpu_max="max 100000")
    limit(machine / "v2/system.slice/bonsai.service", cpu_max="100000 100000")
    limit(machine / "v2/user.slice", cpu_max="50000 100000")  # another's
    assert cores() == 1.0


@pytest.mark.parametrize(
    ("above", "own", "expected"), [("300000", "max", 3.0), ("300000", "200000", 2.0), ("100000", "200000", 1.0)]
)
def test_the_least_of_a_group_and_those_above_it_holds(machine: Path, above: str, own: str, expected: float) -> None:
    (machine / "cgroup").write_text("0::/all.slice/bonsai.service\n")
    limit(machine / "v2/all.slice", cpu_max=f"{above} 100000")
    limit(machine / "v2/all.slice/bonsai.service", cpu_max=f"{own} 100000")
    assert cores() == expected


def test_the_first_versions_groups_are_followed_by_their_controller(machine: Path) -> None:
    (machine / "cgroup").write_text("5:memory:/other\n4:cpu,cpuacct:/all/bonsai\n3:cpuset:/other\n0::/other\n")
    limit(machine / "v1", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    limit(machine / "v1/all", cpu_cfs_quota_us="400000", cpu_cfs_period_us="100000")
    limit(machine / "v1/all/bonsai", cpu_cfs_quota_us="100000", cpu_cfs_period_us="50000")
    limit(machine / "v1/other", cpu_cfs_quota_us="100000", cpu_cfs_period_us="100000")
    assert cores() == 2.0


@pytest.mark.parametrize("group", ["/docker/0123", "/", "/../../other"])
def test_in_a_container_the_file_system_begins_at_its_group(machine: Path, group: str) -> None:
    (machine / "cgroup").write_text(f"4:cpu:{group}\n0::{group}\n")
    limit(machine / "v2", cpu_max="150000 100000")
    limit(machine / "other", cpu_max="50000 100000")
    assert cores() == 1.5


def test_without_a_quota_the_cores_bound_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert cores() == 1.0
