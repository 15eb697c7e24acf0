"""A built Bento, served from another folder in an environment that holds its own requirements and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from tests.service.conftest import ROOT, serving

BIN = Path(sys.executable).parent
NOT_AT_RUN_TIME = ("torch", "transformers", "optimum", "datasets")


@pytest.fixture(scope="module")
def bento(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a Bento built from a copy of the project that holds the tiny variants: what one machine hands to
    another.
    """
    project = tmp_path_factory.mktemp("project") / "bonsai"
    for part in ("service", "models", "image"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, project / name)
    (project / "variants").mkdir()
    for name in ("build.json", "corpus.jsonl"):
        shutil.copyfile(built / name, project / "variants" / name)
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        [str(BIN / "bentoml"), "build", "--output", "tag"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tag = done.stdout.strip().splitlines()[-1].removeprefix("__tag__:")
    archive = tmp_path_factory.mktemp("archive") / "bonsai.bento"
    subprocess.run(
        [str(BIN / "bentoml"), "export", tag, str(archive)],
        cwd=project,
        env=environment,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return archive


@pytest.fixture(scope="module")
def unpacked(bento: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Bento's own folder."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(bento) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def environment(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the Bento's own requirements and nothing else, not even pip: what is here at the
    required version is copied, the rest installed.
    """
    folder = tmp_path_factory.mktemp("bento-env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    (site,) = (folder / "lib").glob("python*/site-packages")
    required = (unpacked / "env" / "python" / "requirements.txt").read_text().replace("\\\n", "")
    missing = [line for line in required.splitlines() if line and not copied(line.split()[0], site)]
    if missing:
        command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        (pins := folder / "missing.txt").write_text("\n".join(missing) + "\n")
        subprocess.run([*command, *options, "--requirement", str(pins)], check=True, timeout=280)
    return folder


def copied(requirement: str, site: Path) -> bool:
    """Copy the distribution that has the required version, if there is one, as a wheel would be unpacked."""
    name, _, version = requirement.partition("==")
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return False
    if found.version != version or not found.files:
        return False
    for file in found.files:
        to, source = Path(os.path.normpath(site / file)), Path(str(found.locate_file(file)))
        if "__pycache__" in file.parts or not source.exists():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)
        if to.parent == site.parents[2] / "bin" and (program := to.read_bytes()).startswith(b"#!"):
            to.write_bytes(b"#!%s\n%s" % (bytes(to.with_name("python")), program.partition(b"\n")[2]))
    return True


def test_the_bento_carries_the_variants_of_the_build_and_no_build_time_code(unpacked: Path, built: Path) -> None:
    named = [variant["tag"] for variant in json.loads((built / "build.json").read_text())["variants"].values()]
    carried = [
        f"{version.parent.name}:{version.name}" for version in (unpacked / "models").glob("*/*") if version.is_dir()
    ]
    assert sorted(carried) == sorted(named)
    source = " ".join(path.read_text() for path in (unpacked / "src").rglob("*.py"))
    assert not any(f"import {name}" in source for name in NOT_AT_RUN_TIME)


def test_the_environment_has_nothing_of_build_time(environment: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {NOT_AT_RUN_TIME} if u.find_spec(n)])"
    said = subprocess.run(
        [str(environment / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "[]"


def test_the_bento_answers_as_the_build_does(bento: Path, environment: Path, built: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (built / "corpus.jsonl").read_text().splitlines()]
    # Another folder, an empty BentoML home, no word of the project: what the Bento does not carry is not there.
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "BONSAI_VARIANTS": "", "PYTHONPATH": ""}
    command = [str(environment / "bin" / "bentoml"), "import", str(bento)]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, check=True, timeout=120)
    with serving(
        "bonsai:latest",
        tmp_path,
        settings | {"BONSAI_STRICT": "1"},
        environment / "bin" / "bentoml",
        tmp_path / "log.txt",
    ) as host:
        with urllib.request.urlopen(f"{host}/variants", timeout=30) as response:
            checks = [card["startup_check"] for card in json.load(response)["variants"]]
        assert checks == [{"texts": len(rows), "differing": 0}] * len(rows[0]["expected"])
        for row in rows:
            for variant, label in row["expected"].items():
                body = json.dumps({"texts": [row["text"]]}).encode()
                request = urllib.request.Request(
                    f"{host}/{variant}/predict", data=body, headers={"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=30) as response:
                    assert json.load(response)["predictions"][0]["label"] == label


def test_a_damaged_bento_is_refused_in_one_sentence(unpacked: Path, environment: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "bento"
    shutil.copytree(unpacked, damaged)
    (model,) = (damaged / "models").glob("bonsai-int8/*/model.onnx")
    model.write_bytes(model.read_bytes()[:1000])
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "BONSAI_VARIANTS": "", "PYTHONPATH": ""}
    command = [str(environment / "bin" / "bentoml"), "serve", str(damaged), "--host", "127.0.0.1", "--port", "0"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "variant 'int8': model.onnx has SHA-256" in last
    assert last.endswith(
        "run 'python -m models.build' to build it again, where this Bento was made, and import a new one"
    )
    assert "Traceback" not in done.stdout + done.stderr
