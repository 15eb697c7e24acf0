"""A built Bento, served from another folder in an environment that holds its own requirements and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

from models.build.builder import Builder
from models.data.dataset import load_dataset
from models.plan.checkpoint import find_teacher
from models.plan.plan import make_plan
from models.recipe.recipe import Recipe
from models.runtime.card import read_card
from models.runtime.store import read_build
from tests.service.conftest import ROOT, serving

BIN = Path(sys.executable).parent
NOT_AT_RUN_TIME = ("torch", "transformers", "optimum", "datasets", "scipy", "sklearn", "safetensors")
KEY = "a-key-of-the-tests-0123"


@pytest.fixture(scope="module")
def bento(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a Bento built from a copy of the project that holds the tiny variants: what one machine hands to
    another.
    """
    project = tmp_path_factory.mktemp("project") / "bonsai"
    for part in ("service", "models"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, project / name)
    (project / "variants").mkdir()
    for name in ("build.json", "corpus.jsonl", "dataset.json"):
        shutil.copyfile(built / name, project / "variants" / name)
    for file in (*built.glob("*/evidence.json"), *built.glob("*/measured.json")):
        to = project / "variants" / file.relative_to(built)
        to.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, to)
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        [str(BIN / "bentoml"), "build", "--output", "tag"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
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
        timeout=600,
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
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=600)
    (site,) = (folder / "lib").glob("python*/site-packages")
    required = (unpacked / "env" / "python" / "requirements.txt").read_text().replace("\\\n", "")
    missing = [line for line in required.splitlines() if line and not copied(line.split()[0], site)]
    if missing:
        command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        (pins := folder / "missing.txt").write_text("\n".join(missing) + "\n")
        subprocess.run([*command, *options, "--requirement", str(pins)], check=True, timeout=600)
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
    source = "\n".join(path.read_text() for path in (unpacked / "src").rglob("*.py"))
    assert not re.findall(rf"^(?:import|from) (?:{'|'.join(NOT_AT_RUN_TIME)})\b", source, re.MULTILINE)


def test_the_environment_has_nothing_of_build_time(environment: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {NOT_AT_RUN_TIME} if u.find_spec(n)])"
    said = subprocess.run(
        [str(environment / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    assert said.stdout.strip() == "[]"


def test_the_bento_answers_as_the_build_does(bento: Path, environment: Path, built: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (built / "corpus.jsonl").read_text().splitlines()]
    # Another folder, an empty BentoML home, no word of the project: what the Bento does not carry is not there.
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "BONSAI_VARIANTS": "", "PYTHONPATH": ""}
    command = [str(environment / "bin" / "bentoml"), "import", str(bento)]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, check=True, timeout=600)
    with serving(
        "bonsai:latest",
        tmp_path,
        settings | {"BONSAI_STRICT": "1"},
        environment / "bin" / "bentoml",
        tmp_path / "log.txt",
    ) as host:
        with urllib.request.urlopen(f"{host}/variants", timeout=600) as response:
            checks = [card["startup_check"] for card in json.load(response)["variants"]]
        assert checks == [{"texts": len(rows), "differing": 0}] * len(rows[0]["expected"])
        for row in rows:
            for variant, label in row["expected"].items():
                body = json.dumps({"texts": [row["text"]]}).encode()
                request = urllib.request.Request(
                    f"{host}/{variant}/predict", data=body, headers={"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=600) as response:
                    assert json.load(response)["predictions"][0]["label"] == label


def test_a_bento_without_torch_makes_the_variant_that_a_build_with_torch_makes(
    unpacked: Path, environment: Path, built: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    recipe = json.loads(tiny_recipe.read_text())
    recipe["variants"]["small"] = [{"quantize": {"embeddings": False}}]
    whole = Recipe.model_validate(recipe)
    plan = make_plan(whole, load_dataset(whole.dataset), find_teacher(whole.teacher))
    made = Builder(plan, Path(shutil.copytree(built, tmp_path / "variants"))).build("small")

    # As in a container: nothing but the Bento's own folder, with its own store of models, and neither is written to.
    bento = Path(shutil.copytree(unpacked, tmp_path / "bento"))
    before = files(bento)
    settings = {
        "BENTOML_HOME": str(tmp_path / "home"),
        "BONSAI_VARIANTS": "",
        "PYTHONPATH": "",
        "BONSAI_ADMIN_KEY": KEY,
        "BONSAI_DATABASE_URL": f"sqlite:///{tmp_path / 'experiments.sqlite'}",
        "BONSAI_WORKERS": "1",
        "BENTOML_CONTAINERIZED": "true",
    }
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}

    def call(path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{host}{path}", data=content, headers={**headers, "Prefer": "wait=20"})
        try:
            with urllib.request.urlopen(request, timeout=600) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    bentoml = environment / "bin" / "bentoml"
    with serving(str(bento), tmp_path, settings, bentoml, tmp_path / "log.txt") as host:
        status, answer = call("/variants", {"name": "student", "passes": [{"distill": {"layers": 2}}]})
        assert (status, "need torch" in answer["error"], "make env" in answer["error"]) == (501, True, True)
        status, job = call("/variants", {"name": "small", "passes": recipe["variants"]["small"]})
        assert status == 202, job
        while job["state"] in ("queued", "running"):
            _, job = call(f"/builds/{job['id']}")
        assert job["state"] == "serving", job
        assert job["figures"]["version"] == read_card(made).version
        assert call("/small/predict", {"texts": ["where is my parcel"]})[0] == 200
    assert files(bento) == before
    with serving(str(bento), tmp_path, settings, bentoml, tmp_path / "again.txt") as host:
        assert "small" in served(host) and call("/small/predict", {"texts": ["where is my parcel"]})[0] == 200
    (copy,) = (tmp_path / "home" / "bonsai").glob("variants-*")
    build = read_build(copy)
    keys = {variant.name: variant.key for variant in plan.variants}
    assert {name: variant.key for name, variant in build.variants.items()} == keys


def files(folder: Path) -> dict[Path, int]:
    """Return what is in a folder, and when it was written."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in found}


def served(host: str) -> list[str]:
    with urllib.request.urlopen(f"{host}/variants", timeout=600) as response:
        return [card["name"] for card in json.load(response)["variants"]]


def test_a_bento_without_torch_serves_a_model_that_somebody_has_and_its_int8(
    unpacked: Path, environment: Path, built: Path, tiny_data: Path, tmp_path: Path
) -> None:
    model, data, out = tmp_path / "model", tmp_path / "rows.csv", tmp_path / "variants"
    model.mkdir()
    for name in ("model.onnx", "config.json", "tokenizer.json"):
        shutil.copyfile(built / "teacher" / name, model / name)
    texts = "".join((tiny_data / name).read_text().partition("\n")[2] for name in ("train.csv", "test.csv"))
    settings = {
        "BENTOML_HOME": str(tmp_path / "home"),
        "BONSAI_VARIANTS": str(out),
        "PYTHONPATH": "",
        "BONSAI_MODEL": str(model),
        "BONSAI_DATA": str(data),
        "BONSAI_QUANTIZE": "int8",
        "BONSAI_WORKERS": "1",
    }
    bentoml = environment / "bin" / "bentoml"
    command = [str(bentoml), "serve", str(unpacked), "--host", "127.0.0.1", "--port", "0"]
    data.write_text("text,label\n" + texts.replace(",late", ",lost"))
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=600
    )
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (1, False)
    assert "it is for other labels than the data's: 'late' is one of the head alone; expected one that was" in last
    assert not (out / "build.json").exists()

    data.write_text("text,label\n" + texts)
    with serving(str(unpacked), tmp_path, settings, bentoml, tmp_path / "log.txt") as host:
        until = time.monotonic() + 120
        while served(host) != ["teacher", "int8"]:
            assert time.monotonic() < until, (tmp_path / "log.txt").read_text()
            time.sleep(0.3)
    card = read_card(out / "int8")
    assert card.gate is not None and card.gate.verdict != "worse"
    assert card.bytes < read_card(out / "teacher").bytes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "model.safetensors needs safetensors and torch, which are not installed here; run 'make env'"),
        (["--teacher", "embedded"], "which carries it, is not installed here; run 'make env'"),
        (["--dataset", "rows.parquet"], "rows.parquet: it takes pyarrow, which is not installed here"),
    ],
)
def test_what_takes_more_than_a_bento_has_is_refused_in_a_sentence(
    unpacked: Path,
    environment: Path,
    built: Path,
    tiny_recipe: Path,
    tmp_path: Path,
    options: list[str],
    sentence: str,
) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    command = [str(environment / "bin" / "python"), "-m", "models.build", "--recipe", str(tiny_recipe), "--out", "out"]
    teacher = [] if not options or options[0] == "--teacher" else ["--teacher", str(built / "teacher")]
    done = subprocess.run(
        [*command, *options, *teacher],
        cwd=tmp_path,
        env={**os.environ, "BENTOML_HOME": str(tmp_path / "home"), "PYTHONPATH": str(unpacked / "src")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_a_damaged_bento_is_refused_in_one_sentence(unpacked: Path, environment: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "bento"
    shutil.copytree(unpacked, damaged)
    for model in (damaged / "models").glob("bonsai-int8/*/model.onnx"):  # of several builds, maybe
        model.write_bytes(model.read_bytes()[:1000])
    settings = {"BENTOML_HOME": str(tmp_path / "home"), "BONSAI_VARIANTS": "", "PYTHONPATH": ""}
    command = [str(environment / "bin" / "bentoml"), "serve", str(damaged), "--host", "127.0.0.1", "--port", "0"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "variant 'int8': model.onnx has SHA-256" in last
    assert last.endswith(
        "run 'python -m models.build' to build it again, where this Bento was made, and import a new one"
    )
    assert "Traceback" not in done.stdout + done.stderr
