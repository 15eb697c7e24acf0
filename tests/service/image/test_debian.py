"""The base image out of Debian's packages: what is said where it cannot be made, and that it goes to the engine that
answers; debootstrap and the engine are scripts that play them.
"""

import shutil
from pathlib import Path

import pytest

from service.image.debian import main


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no programs but tar and a shell's."""
    for name in ("sh", "cat", "tar", "mkdir", "touch"):
        (tmp_path / name).symlink_to(shutil.which(name) or pytest.skip(f"there is no {name}"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!{folder}/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_what_is_missing_is_said_in_a_sentence(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "'debootstrap' is not installed; on Debian 'apt-get install debootstrap'\n"
    program(machine, "debootstrap", "exit 0")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("no container engine answers; expected one of docker, podman")


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_it_is_imported_into_the_engine_that_answers(machine: Path, tmp_path: Path, engine: str) -> None:
    program(machine, "debootstrap", 'for last; do :; done; mkdir "$last"; touch "$last/made"')
    program(machine, engine, f'[ $1 = info ] || {{ echo "$@" > {tmp_path}/asked; tar -t > {tmp_path}/files; }}')
    assert main(["--tag", "localhost/mine:1"]) == 0
    assert (tmp_path / "asked").read_text() == "import - localhost/mine:1\n"
    assert "./made" in (tmp_path / "files").read_text().splitlines()


def test_what_debootstrap_fails_with_is_the_exit_code(machine: Path) -> None:
    program(machine, "debootstrap", "exit 3")
    program(machine, "podman", "exit 0")
    assert main([]) == 3
