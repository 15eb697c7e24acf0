import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

Done = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[2]


def read(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((out / "latest" / "result.json").read_text(encoding="utf-8"))
    return result


def test_a_good_run_ends_well_and_leaves_all_its_files(good_run: tuple[Done, Path]) -> None:
    done, out = good_run
    assert done.returncode == 0, done.stderr
    assert "| teacher |" in done.stdout
    assert done.stderr == ""  # no bar without a terminal, and no warning
    assert (out / "latest").is_symlink()
    assert sorted(file.name for file in (out / "latest").iterdir()) == ["latency_accuracy.png", "report.html", "result.json", "table.md"]
    assert (out / "latest" / "latency_accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_the_result_has_the_first_level_that_was_agreed(good_result: dict[str, Any]) -> None:
    assert set(good_result) == {"run", "conditions", "variants"}
    assert good_result["run"]["complete"] is True
    assert list(good_result["variants"]) == ["teacher", "int8", "tiny"]
    for variant in good_result["variants"].values():
        assert variant["version"] == variant["card"]["version"]
        assert variant["failures"] == {}


def test_each_round_holds_its_own_times_in_rotated_order(good_result: dict[str, Any]) -> None:
    places = {}
    for name, variant in good_result["variants"].items():
        rounds = variant["scenarios"]["SingleStream"]["rounds"]
        assert [one["round"] for one in rounds] == [1, 2, 3]
        places[name] = [one["place"] for one in rounds]
        for one in rounds:
            assert one["requests"] == one["right"] == HdrHistogram.decode(one["histogram"]).get_total_count() > 0
            assert one["generator"]["cpu_share"] > 0
    assert places == {"teacher": [1, 3, 2], "int8": [2, 1, 3], "tiny": [3, 2, 1]}


def test_times_are_not_shorter_than_the_service_took_and_not_rounded_to_milliseconds(good_result: dict[str, Any]) -> None:
    rounds = good_result["variants"]["teacher"]["scenarios"]["SingleStream"]["rounds"]
    times = [item.value_iterated_to for one in rounds for item in HdrHistogram.decode(one["histogram"]).get_recorded_iterator()]
    assert min(times) >= 1_990  # the server sleeps for 2 ms
    assert len(set(times)) > 10
    assert any(time % 1000 for time in times)


def test_every_kind_of_wrong_answer_is_counted_said_and_fails_the_run(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(status={"teacher": [4, 503]}, wrong={"int8": 5}, off_schema={"tiny": 6}, delay=0.001)
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, "--rounds", 2, "--seconds", 0.3, "--warm-up", 0.1)
    assert done.returncode == 1
    result = read(tmp_path)
    assert {name: set(variant["failures"]) for name, variant in result["variants"].items()} == {
        "teacher": {"5xx"},
        "int8": {"wrong_label"},
        "tiny": {"off_schema"},
    }
    for name, every in (("teacher", 4), ("int8", 5), ("tiny", 6)):
        rounds = result["variants"][name]["scenarios"]["SingleStream"]["rounds"]
        for one in rounds:
            failed = sum(one["failures"].values())
            assert one["requests"] // every <= failed <= one["requests"] // every + 1
            assert one["right"] == one["requests"] - failed == HdrHistogram.decode(one["histogram"]).get_total_count()
    assert "failed answers" in done.stderr
    assert "int8, wrong_label: 'text number" in done.stderr
    assert "**This run has" in done.stdout
    assert 'class="warning"' in (tmp_path / "latest" / "report.html").read_text(encoding="utf-8")


def test_late_broken_and_foreign_answers_are_counted_apart(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(delay={"teacher": 0.2}, garbage={"int8": 3}, versions={"tiny": "ffffffffffff"}, chunked=True, close=7)
    done = command(
        "loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, "--rounds", 1, "--seconds", 0.5, "--warm-up", 0.1, "--timeout", 0.1
    )
    assert done.returncode == 1
    variants = read(tmp_path)["variants"]
    assert {name: set(variant["failures"]) for name, variant in variants.items()} == {"teacher": {"late"}, "int8": {"dropped"}, "tiny": {"off_schema"}}
    assert variants["teacher"]["scenarios"]["SingleStream"]["rounds"][0]["right"] == 0
    assert "ffffffffffff" in done.stderr


def test_a_service_that_dies_leaves_an_incomplete_result(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(die_after=300, delay=0.002)
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, "--rounds", 20, "--seconds", 0.3, "--warm-up", 0.1)
    assert done.returncode == 1
    result = read(tmp_path)
    assert result["run"]["complete"] is False
    assert "stopped answering in round" in result["run"]["stopped"]
    assert "incomplete" in done.stderr
    assert any(variant["scenarios"]["SingleStream"]["rounds"] for variant in result["variants"].values())


def test_ctrl_c_keeps_what_was_measured(good_server: str, corpus_file: Path, tmp_path: Path) -> None:
    arguments = ["--host", good_server, "--corpus", str(corpus_file), "--out", str(tmp_path), "--rounds", "100", "--seconds", "0.2", "--warm-up", "0.1"]
    process = subprocess.Popen([sys.executable, "-m", "loadtest.run", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 130, complained
    result = read(tmp_path)
    assert result["run"]["complete"] is False
    assert "interrupted after" in result["run"]["stopped"]
    assert result["variants"]["teacher"]["scenarios"]["SingleStream"]["rounds"]
    assert "| teacher |" in said
    assert "Traceback" not in complained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "http://127.0.0.1:1"], "no service answers at http://127.0.0.1:1"),
        (["--corpus", "nowhere.jsonl"], "no corpus at 'nowhere.jsonl'"),
        (["--variants", "teacher", "none"], "variant 'none' is not served"),
    ],
)
def test_what_cannot_start_is_one_line(
    good_server: str, corpus_file: Path, tmp_path: Path, command: Callable[..., Done], arguments: list[str], said: str
) -> None:
    done = command("loadtest.run", "--host", good_server, "--corpus", corpus_file, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_some_variants_alone_and_without_the_teacher(good_server: str, corpus_file: Path, tmp_path: Path, command: Callable[..., Done]) -> None:
    short = ("--rounds", 2, "--seconds", 0.2, "--warm-up", 0.1)
    done = command("loadtest.run", "--host", good_server, "--corpus", corpus_file, "--out", tmp_path, "--variants", "tiny", "int8", *short)
    assert done.returncode == 0, done.stderr
    assert list(read(tmp_path)["variants"]) == ["tiny", "int8"]
    assert read(tmp_path)["run"]["baseline"] == "tiny"
