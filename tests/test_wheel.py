"""The wheel holds all that the commands need, and the console command is what `python -m` runs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from bonsai import COMMANDS

ROOT = Path(__file__).parents[1]
PARTS = ("models", "service", "loadtest")
CARRIED = {".py", ".yaml", ".html", ".css", ".js", ".svg", ".csv", ".lua"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the project, so that nothing that lies about in it gets in."""
    project = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "bonsai.py"):
        shutil.copyfile(ROOT / name, project / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        ".",
    ]
    done = subprocess.run([*command, "--wheel-dir", "dist"], cwd=project, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (project / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel, which borrows the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=600)
    python = folder / "bin" / "python"
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(command, check=True, timeout=600)
    return python.parent


def run(program: Path, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(program), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_wheel_holds_every_module_recipe_template_and_data_file(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    files = {
        path.relative_to(ROOT)
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.suffix in CARRIED and not {"results", "deploy"} & set(path.parts)  # a chart goes with the source
    }
    assert {Path(name).name for name in held} >= {
        "default.yaml",
        "demo.yaml",
        "train.csv",
        "test.csv",
        "out_of_scope.csv",
        "bonsai.py",
    }
    assert {str(path) for path in files} - held == set()
    assert not any("/results/" in name or name.startswith("tests") for name in held)


def test_help_names_every_command_and_needs_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "bonsai", "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == list(COMMANDS)
    code = "import sys, bonsai; bonsai.usage(); print(*{name.split('.')[0] for name in sys.modules})"
    loaded = run(installed / "python", "-c", code, cwd=tmp_path).stdout.split()
    assert not {"torch", "numpy", "bentoml", "locust", "models", "service", "loadtest", "ssl", "socket"} & set(loaded)


@pytest.mark.parametrize("name", ["build", "serve", "loadtest", "compare"])
def test_a_command_is_what_its_module_is(installed: Path, tmp_path: Path, name: str) -> None:
    done = run(installed / "bonsai", name, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"serve": "--port", "build": "--recipe", "loadtest": "--host"}.get(
        name, COMMANDS[name].module
    ) in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_a_module_that_can_be_run(name: str) -> None:
    path = ROOT / COMMANDS[name].module.replace(".", "/")
    assert name == "serve" or path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_serve_looks_for_variants_where_build_puts_them(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "bonsai", "serve", cwd=tmp_path)
    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 1
    assert f"no variants are built in '{tmp_path / 'variants'}'" in said
    assert "python -m models.build" in said
    assert len(said.splitlines()) == 1, said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command is given; expected one of build, "),
        (["grow"], "there is no command 'grow'; expected one of build, "),
    ],
)
def test_no_such_command_is_one_line(installed: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run(installed / "bonsai", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


def test_a_library_that_is_missing_is_said_with_what_brings_it(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['locust'] = None; sys.argv = ['bonsai', 'loadtest']; import bonsai; "
        "sys.exit(bonsai.main())"
    )
    done = run(installed / "python", "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: 'bonsai loadtest' needs locust, which is not installed; run pip install '.[loadtest]' in the project\n"
    )
