"""The command as its users run it: killed at any moment, interrupted, and with more text than memory."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from models.predict.command import main
from models.predict.unfinished import JOB, folder_of
from tests.models.predict.running import ROWS, read, run, write

ROOT = Path(__file__).parents[3]


def start(built: Path, source: Path, target: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "models.predict", "int8", str(source), str(target), "--out-of", str(built), *more]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("long") / "in.csv", ROWS * 200)


def wait_for_rows(target: Path, process: subprocess.Popen[str]) -> None:
    rows = folder_of(target) / "rows"
    while process.poll() is None and not (rows.exists() and rows.stat().st_size > 100):
        time.sleep(0.02)


def test_a_killed_run_goes_on_to_the_same_bytes(built: Path, source: Path, tmp_path: Path) -> None:
    run(built, source, tmp_path / "whole.csv")
    target, draw = tmp_path / "out.csv", random.Random(0)
    for _ in range(3):
        process = start(built, source, target, "--processes", "2")
        wait_for_rows(target, process)
        time.sleep(draw.uniform(0, 0.4))
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.communicate()
        assert psutil.wait_procs(children, timeout=600)[1] == [], "its processes outlive it"
    process = start(built, source, target, "--processes", "2")
    said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not folder_of(target).exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(built: Path, source: Path, tmp_path: Path, sent: int) -> None:
    target = tmp_path / "out.csv"
    process = start(built, source, target, "--processes", "1")
    wait_for_rows(target, process)
    os.killpg(process.pid, sent)  # as a terminal does
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said.strip().splitlines()[-1]) == (
        130,
        "interrupted; what is done is kept, run the same command to go on",
    )
    assert "Traceback" not in said and not target.exists()


def test_a_lost_process_is_a_sentence(built: Path, source: Path, tmp_path: Path) -> None:
    process = start(built, source, tmp_path / "out.csv", "--processes", "2")
    wait_for_rows(tmp_path / "out.csv", process)
    worker = next(
        child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())
    )
    worker.kill()
    _, said = process.communicate(timeout=600)
    assert process.returncode == 2 and "a process that classifies ended before it was done" in said
    assert "Traceback" not in said


def test_two_runs_do_not_write_one_file(built: Path, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    process = start(built, source, target, "--processes", "1")
    while process.poll() is None and not (folder_of(target) / JOB).exists():  # then it has the folder
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGSTOP)  # or it could be done before the second has begun
    second = start(built, source, target)
    assert "another run is writing" in second.communicate(timeout=600)[1] and second.returncode == 2
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_columns_have_the_names_that_are_asked_for(built: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "questions.parquet", tmp_path / "answers.jsonl"
    write(source, [{"text": 7, "question": "where is my parcel", "label": "mine"}])
    process = start(built, source, target, "--text-column", "question", "--prefix", "predicted_")
    said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    new = ["predicted_label", "predicted_score", "predicted_variant", "predicted_version"]
    assert [list(row) for row in read(target)] == [["text", "question", "label", *new]]


def test_what_the_user_can_repair_ends_with_two(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["int8", "none.csv", "out.csv"], ["int8", "none.csv", "out.csv", "--processes", "0"]):
        assert main([*arguments, "--out-of", str(built)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1


def test_a_missing_library_is_named(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    arguments = ["int8", str(write(tmp_path / "in.csv")), str(tmp_path / "out.parquet"), "--out-of", str(built)]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "error: reading or writing Parquet needs pyarrow, which is not installed; run pip install pyarrow\n"
    )


def test_rows_that_were_left_out_are_said(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in.csv", [{"text": "my parcel"}, {"text": " "}])
    done = start(built, source, tmp_path / "out.csv", "--skip-unusable")
    _, said = done.communicate(timeout=600)
    assert done.returncode == 0 and "1 rows could not be used and are left out, the first at in.csv, line 3" in said
    assert len(read(tmp_path / "out.csv")) == 1
