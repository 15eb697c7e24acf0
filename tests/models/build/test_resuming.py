"""Whatever happens to a build, the next one goes on from what is whole."""

import errno
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import pytest

from models.build.command import main
from models.runtime.card import CONTENT_FILES, read_card
from models.runtime.loading import check_whole, load_variants
from models.runtime.store import in_store, locked, read_build
from tests.models.build.conftest import COMMAND, ROOT, finished, versions
from tests.models.conftest import CLASSIFIERS, VARIANTS

EACH_ANOTHER = {
    "int8/model.onnx": "cut",
    "pruned/model.onnx": "gone",
    "distilled/card.json": "cut",
    "distilled_int8/card.json": "gone",
    "trimmed/tokenizer.json": "gone",
    "cascade/card.json": "cut",
}  # at once, for a variant is whole or not whatever the others are


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(EACH_ANOTHER, id="a file of every variant but the teacher"),
        {"teacher": "gone"},
        {"teacher/config.json": "cut"},
        {"build.json": "cut"},
        {"build.json": "gone"},
        {".steps": "gone"},
        {"int8/measured.json": "gone"},
        {"int8/evidence.json": "gone"},
        {"corpus.jsonl": "gone"},
        {"corpus.jsonl": "cut"},
    ],
    ids=lambda parts: " ".join(f"{part} {damage}" for part, damage in parts.items()),
)
def test_what_is_broken_is_repaired(built: Path, copied: Path, tiny_recipe: Path, parts: dict[str, str]) -> None:
    for part, damage in parts.items():
        broken = copied / part
        if damage == "cut":
            broken.write_bytes(broken.read_bytes()[:20])
        elif broken.is_dir():
            shutil.rmtree(broken)
        else:
            broken.unlink()
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0
    assert versions(copied) == versions(built)
    load_variants({name: copied / name for name in VARIANTS})
    for name in VARIANTS:
        for file in {*CONTENT_FILES, "evidence.json"} if name in CLASSIFIERS else {"evidence.json"}:
            assert (copied / name / file).read_bytes() == (built / name / file).read_bytes()
        assert (copied / name / "measured.json").is_file()
    assert (copied / "corpus.jsonl").read_bytes() == (built / "corpus.jsonl").read_bytes()


def test_a_model_missing_in_the_store_is_stored_again(built: Path, copied: Path, tiny_recipe: Path) -> None:
    tag = read_build(built).variants["int8"].tag
    bentoml.models.delete(tag)
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0
    assert in_store(tag)


def test_a_second_build_at_the_same_time_is_refused(copied: Path, tiny_recipe: Path, error: Callable[..., str]) -> None:
    with locked(copied):
        assert (
            error("--recipe", tiny_recipe, "--out", copied)
            == f"another build is writing to '{copied}'; wait for it, or give another folder with --out"
        )
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0


def test_a_build_that_was_started_in_the_background_can_be_interrupted(tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "variants"
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(out)]
    in_background = f'trap "" INT; exec {shlex.join(command)}'  # as a shell starts what ends in &: ignoring SIGINT
    process = subprocess.Popen(
        ["sh", "-c", in_background], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not any(out.glob(".steps/.draft-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said.splitlines()[-1].split(";")[0]) == (130, "interrupted"), said


def test_killed_a_build_goes_on_where_it_was(built: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "variants"
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(out)]
    environment = {**os.environ, "BENTOML_HOME": str(tmp_path / "bentoml")}
    moments: list[tuple[Callable[[], Any], int]] = [
        (lambda: any(out.glob(".steps/.draft-*")), signal.SIGKILL),  # in the midst of the teacher's training
        (lambda: len(finished(out)) >= 8, signal.SIGINT),
        (lambda: (out / "int8").exists(), signal.SIGKILL),  # while finished folders are published
    ]
    steps: dict[str, int] = {}
    for reached, blow in moments:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not reached() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(blow)
        _, said = process.communicate(timeout=600)
        assert process.returncode == (130 if blow == signal.SIGINT else -blow), said
        assert blow == signal.SIGKILL or said.splitlines()[-1].startswith("interrupted; the finished steps are kept")
        assert steps.items() <= finished(out).items()
        steps = finished(out)
        assert not (out / "build.json").exists()
        for folder in (path for path in out.glob("[!.]*") if path.is_dir()):
            check_whole(folder, read_card(folder))  # no half-written variant
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=600)
    assert steps.items() <= finished(out).items()
    assert versions(out) == versions(built)
    assert (out / "corpus.jsonl").read_bytes() == (built / "corpus.jsonl").read_bytes()
    assert not [path.name for path in out.rglob("*") if "draft" in path.name]


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_build_goes_on(
    built: Path, copied: Path, tiny_recipe: Path
) -> None:
    shutil.rmtree(copied / "int8")
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(copied)]
    before = (copied / "build.json").read_bytes()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert line.startswith("error: the disk did not take what the build wrote (File too large)")
    assert "Traceback" not in done.stderr
    assert not (copied / "int8").exists()
    assert not [path.name for path in copied.rglob("*") if "draft" in path.name], "it would take the room that is left"
    assert (copied / "build.json").read_bytes() == before
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=600).returncode == 0
    assert versions(copied) == versions(built)


def test_what_the_model_store_does_not_take_leaves_nothing_behind(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    recipe = changed(variants=variants | {"unstored": [{"quantize": {"embeddings": False}}]})
    for draft in (copied / ".draft-killed", copied / ".draft-old-int8"):
        draft.mkdir()
    before = (copied / "build.json").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("models.runtime.store.bentoml.models.create", full)
        assert main(["--recipe", recipe, "--add", "unstored", "--out", str(copied)]) == 2
    assert not (copied / "unstored").exists()
    assert not list(copied.rglob("*draft*"))
    assert (copied / "build.json").read_bytes() == before
    assert main(["--recipe", recipe, "--add", "unstored", "--out", str(copied)]) == 0
