"""What the build fetches for a container, from a folder of wheels in place of an index."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from service.image import build
from service.image.build import fetch_wheels

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "macosx_11_0_arm64")


def wheel(folder: Path, name: str, tag: str) -> str:
    """Make a wheel of nothing, and return its hash."""
    file, inside = folder / f"{name}-1.0-{tag}.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{inside}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{inside}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that pins a library of any machine, and one with a wheel for each."""
    (index := tmp_path / "index").mkdir()
    compiled = [wheel(index, "compiled", f"cp311-cp311-{name}") for name in PLATFORMS]
    (tmp_path / "service/image").mkdir(parents=True)
    (tmp_path / "service/requirements.txt").write_text(
        f"compiled==1.0 --hash=sha256:{compiled[0]} --hash=sha256:{compiled[1]}\n"
    )
    (tmp_path / "service/image/tools.txt").write_text(
        f"anywhere==1.0 --hash=sha256:{wheel(index, 'anywhere', 'py3-none-any')}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return tmp_path


def test_wheels_are_those_of_the_container_and_not_of_this_machine(pinned: Path) -> None:
    folder = pinned / "wheels"
    fetch_wheels(folder, "aarch64")
    assert {file.name for file in folder.iterdir()} == {
        "anywhere-1.0-py3-none-any.whl", "compiled-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
    }  # fmt: skip
    fetch_wheels(folder, "x86_64")  # what another build left is not taken for its own
    assert {file.name for file in folder.iterdir()} == {
        "anywhere-1.0-py3-none-any.whl", "compiled-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    }  # fmt: skip


def test_what_is_there_is_not_fetched_again(pinned: Path) -> None:
    fetch_wheels(pinned / "wheels", "x86_64")
    for file in (pinned / "index").iterdir():
        file.unlink()
    fetch_wheels(pinned / "wheels", "x86_64")
    assert len(list((pinned / "wheels").iterdir())) == 2


@pytest.mark.parametrize(("said", "machine"), [("amd64", "x86_64"), ("arm64", "aarch64"), ("riscv64", None)])
def test_a_base_image_says_what_it_runs_on(tmp_path: Path, said: str, machine: str | None) -> None:
    engine = tmp_path / "engine"
    engine.write_text(f"#!/bin/sh\necho {said}\n")
    engine.chmod(0o755)
    if machine is not None:
        assert build.machine_of(str(engine), "localhost/base") == machine
    else:
        with pytest.raises(BonsaiError, match=r"'localhost/base' is for 'riscv64'; expected .* amd64, arm64"):
            build.machine_of(str(engine), "localhost/base")
