import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.loadtest.conftest import Forks

ROOT = Path(__file__).parents[2]


def locust(*arguments: object, seconds: int = 2) -> subprocess.CompletedProcess[str]:
    """Run Locust for so long: other tests take both cores, and within one second nobody may have been answered."""
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "loadtest/locustfile.py",
        "--headless",
        "-t",
        str(seconds),
        *map(str, arguments),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def test_a_variant_is_asked_and_exact_percentiles_are_said(good_server: str, corpus_file: Path) -> None:
    done = locust("--host", good_server, "--corpus", corpus_file, "--variant", "int8")
    assert done.returncode == 0, done.stderr
    assert "/int8/predict" in done.stdout + done.stderr
    assert "exact, from" in done.stdout
    assert "failures: 0" in done.stdout


def test_wrong_labels_fail_alone_and_flip_in_company(start_server: Callable[..., str], corpus_file: Path) -> None:
    server = start_server(wrong={"int8": 5}, flips={"tiny": 2}, delay=0.002)
    alone = locust("--host", server, "--corpus", corpus_file, "--variant", "int8")
    assert alone.returncode == 1
    assert "wrong_label" in alone.stdout
    together = locust("--host", server, "--corpus", corpus_file, "--variant", "tiny", "--texts-per-request", 4)
    assert together.returncode == 0
    assert "failures: 0" in together.stdout
    assert "batch flips: 0" not in together.stdout


def test_a_bad_variant_is_one_line_and_no_request(good_server: str, corpus_file: Path) -> None:
    done = locust("--host", good_server, "--corpus", corpus_file, "--variant", "none")
    assert done.returncode == 2
    assert "error: variant 'none' is not served" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_rate_makes_it_an_open_loop_that_the_service_cannot_slow_and_a_mix_is_told_apart(
    start_server: Callable[..., str], corpus_file: Path
) -> None:
    server = start_server(delay=0.3)
    where = ("--host", server, "--corpus", corpus_file)
    done = locust(*where, "--mix", "int8=1,tiny=1", "--rate", 60, "-u", 2, "-s", 3, seconds=3)
    assert done.returncode == 0, done.stdout
    right = {name: int(done.stdout.split(f"{name}: exact, from ")[1].split(" ")[0]) for name in ("int8", "tiny")}
    assert sum(right.values()) > 30  # two closed loops would have got 22 answers at the most


def test_workers_exact_times_come_home_to_the_master(good_server: str, corpus_file: Path) -> None:
    where = ("--host", good_server, "--corpus", corpus_file)
    done = locust(*where, "--variant", "tiny", "--processes", 2, "-u", 2, seconds=4)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny: exact, from" in done.stdout


def test_the_master_waits_for_a_worker_that_takes_long_to_end(good_server: str, corpus_file: Path) -> None:
    arguments = ["-f", "loadtest/locustfile.py", "--headless", "-u", 2, "-s", 2, "--processes", 2]
    where = ["--host", good_server, "--corpus", corpus_file, "--variant", "tiny"]
    command = [sys.executable, "-m", "locust", *map(str, arguments + where)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as master:
        assert master.stderr is not None
        next(line for line in master.stderr if "All users spawned" in line)
        time.sleep(1)
        worker = psutil.Process(master.pid).children()[0]
        worker.suspend()
        master.terminate()
        time.sleep(1.5)
        worker.resume()
        said, errors = master.communicate(timeout=600)
    assert master.returncode == 0, said + errors
    assert "tiny: exact, from" in said


def test_an_interruption_ends_master_and_workers_at_once(good_server: str, corpus_file: Path) -> None:
    arguments = ["-f", "loadtest/locustfile.py", "--headless", "-u", 2, "-s", 2, "--processes", 2]
    where = ["--host", good_server, "--corpus", corpus_file, "--variant", "tiny"]
    command = [sys.executable, "-m", "locust", *map(str, arguments + where)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as master:
        assert master.stderr is not None
        next(line for line in master.stderr if "All users spawned" in line)
        os.killpg(master.pid, signal.SIGINT)  # as a terminal sends it
        _, errors = master.communicate(timeout=600)
    assert "generator processes reported" not in errors  # as waiting for workers that are gone ends with


def test_the_ramp_adds_a_user_at_each_step(good_server: str, corpus_file: Path) -> None:
    arguments = ["-f", "loadtest/locustfile.py,loadtest/ramp.py", "--ramp-steps", 2, "--ramp-seconds", 1, "--rate", 20]
    done = locust(*arguments, "--host", good_server, "--corpus", corpus_file, "--variant", "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Shape test stopping" in done.stderr


TICKS = """
import json
from types import SimpleNamespace
from loadtest.ramp import Ramp

ramp, moments = Ramp(), iter([0.0, 9.9, 10.0, 19.9, 20.0])
given = SimpleNamespace(ramp_steps=2, ramp_seconds=10.0)
ramp.runner, ramp.get_run_time = SimpleNamespace(environment=SimpleNamespace(parsed_options=given)), moments.__next__
print(json.dumps([ramp.tick() for _ in range(5)]))
"""


def test_a_step_of_the_ramp_is_one_user_more_for_its_seconds_and_the_last_is_its_end(forks: Forks) -> None:
    done = forks.run(TICKS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[1, 1.0], [1, 1.0], [2, 1.0], [2, 1.0], None]
