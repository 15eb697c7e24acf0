"""A Bonsai-like server as a process of its own, its corpus, and runs that were really measured against it. What is
said of times is tested with the times of a quiet machine in the places of those that were measured.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import Any

import pytest

from loadtest.numbers.result import Result
from loadtest.numbers.run_folder import read_result
from loadtest.scenarios.ramp import SHARES
from tests.loadtest.rounds import round_of, rounds_of

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("bonsai_server.py")

Done = subprocess.CompletedProcess[str]
StartServer = Callable[..., str]

# One scenario, and without what may rightly complain when the tests' machine is busy.
SHORT = ("--scenarios", "SingleStream", "--warm-up", 0.1, "--no-control", "--no-ceiling", "--no-pin")


def _server_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bonsai_server", SERVER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus that the server's answers agree with."""
    server = _server_module()
    file = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    rows = [
        {"text": text, "label": label, "expected": dict.fromkeys(server.VARIANTS, label)}
        for text, label in server.TEXTS
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def start_server() -> Iterator[StartServer]:
    """Start a server with some knobs and return its address; all end with the session."""
    started: list[subprocess.Popen[str]] = []

    def start(**knobs: Any) -> str:
        process = subprocess.Popen([sys.executable, str(SERVER), json.dumps(knobs)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def good_server(start_server: StartServer) -> str:
    """A server that gives right answers, the teacher's after 4 ms, the others after one."""
    return start_server(delay={"teacher": 0.004, "int8": 0.001, "tiny": 0.001})


COMMAND = """
import importlib, sys
import locust  # first, since it patches sockets
from loadtest.measurement import conditions, progress

conditions.LOOK_S = 0.05  # seconds of looking how busy the machine is, one in each of twenty runs otherwise
progress.EVERY_S = 0.2  # and ten otherwise
sys.exit(importlib.import_module(sys.argv[1]).main(sys.argv[2:]))
"""


class Forks:
    """Runs code as `python -c` in a process of its own, forked from one that has imported the load test: importing
    Locust here would patch every other test's sockets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.loadtest.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, *arguments: object, timeout: float = 200) -> Done:
        """Run the code to its end, or kill it when that takes too long."""
        given, out, error = list(map(str, arguments)), self._folder / "out", self._folder / "error"
        out.write_bytes(b"")
        error.write_bytes(b"")
        assert self._parent.stdin is not None and self._parent.stdout is not None
        asked = {"code": code, "arguments": given, "out": str(out), "error": str(error)}
        print(json.dumps(asked), file=self._parent.stdin, flush=True)
        kill = Timer(timeout, os.kill, (int(self._parent.stdout.readline()), signal.SIGKILL))
        kill.start()
        returncode = int(self._parent.stdout.readline())
        kill.cancel()
        return Done(given, returncode, out.read_text(encoding="utf-8"), error.read_text(encoding="utf-8"))

    def end(self) -> None:
        self._parent.kill()
        self._parent.communicate()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    running = Forks(tmp_path_factory.mktemp("forks"))
    yield running
    running.end()


@pytest.fixture(scope="session")
def command(forks: Forks) -> Callable[..., Done]:
    """`python -m`, which looks at the machine for a shorter time and says more often what it does."""

    def run(module: str, *arguments: object, timeout: float = 200) -> Done:
        return forks.run(COMMAND, module, *arguments, timeout=timeout)

    return run


ONE_AFTER_ANOTHER = """
import contextlib, importlib, io, json, sys

main = importlib.import_module(sys.argv[1]).main
for given in json.loads(sys.argv[2]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(given)
    print(json.dumps([given, code, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture(scope="session")
def commands(forks: Forks) -> Callable[..., list[Done]]:
    """The same command several times with different arguments, in one process."""

    def run(module: str, *given: Sequence[object]) -> list[Done]:
        done = forks.run(ONE_AFTER_ANOTHER, module, json.dumps([list(map(str, arguments)) for arguments in given]))
        assert done.returncode == 0, done.stderr
        return [Done(*json.loads(line)) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="session")
def good_run(
    tmp_path_factory: pytest.TempPathFactory, good_server: str, corpus_file: Path, command: Callable[..., Done]
) -> tuple[Done, Path]:
    """A whole run against the good server: what it printed, and its folder of results."""
    out = tmp_path_factory.mktemp("results")
    return command(
        "loadtest.run",
        "--host",
        good_server,
        "--corpus",
        corpus_file,
        "--out",
        out,
        *SHORT,
        "--rounds",
        3,
        "--seconds",
        0.25,
    ), out


@pytest.fixture(scope="session")
def good_result(good_run: tuple[Done, Path]) -> Result:
    """The result of that run, with the times of a quiet machine."""
    result = read_result(good_run[1] / "latest")
    for name, variant in result.variants.items():
        variant.scenarios["SingleStream"].rounds = rounds_of({4.0: 250} if name == "teacher" else {1.0: 1000})
    return result


@pytest.fixture(scope="session")
def full_run(
    tmp_path_factory: pytest.TempPathFactory,
    start_server: StartServer,
    corpus_file: Path,
    command: Callable[..., Done],
) -> tuple[Done, Path]:
    """All scenarios of two variants, as short as they can be, and pinned: what was printed, and the folder of
    results.
    """
    out = tmp_path_factory.mktemp("full")
    server = start_server(delay={"teacher": 0.003, "tiny": 0.0015}, one_at_a_time=True)
    short = (
        "--rounds",
        2,
        "--seconds",
        0.3,
        "--warm-up",
        0.05,
        "--offline-texts",
        20,
        "--variants",
        "teacher",
        "tiny",
        "--p99-limit",
        60,
    )
    return command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", out, *short, timeout=600), out


@pytest.fixture(scope="session")
def full_result(full_run: tuple[Done, Path]) -> Result:
    """The result of that run, with the times of a quiet machine, on which each variant sustains a rate."""
    result = read_result(full_run[1] / "latest")
    assert result.run.control is not None
    result.run.control.rounds = rounds_of({3.0: 333}, 2)
    for variant, time in zip(result.variants.values(), (3.0, 1.5), strict=True):
        variant.failures, variant.failure_examples = {}, {}
        scenarios, rate = variant.scenarios, 600 / time
        scenarios["SingleStream"].rounds = rounds_of({time: round(1000 / time)}, 2)
        scenarios["Offline"].rounds = rounds_of({2 * time: round(1000 / time)}, 2, texts_per_second=20_000 / time)
        server = scenarios["Server"]
        server.passed, server.failed, server.rate, server.given_up = rate, 1.15 * rate, 0.9 * rate, []
        server.rounds = rounds_of({time: 480, 4 * time: 120}, 2, offered=0.9 * rate, achieved=0.9 * rate)
        scenarios["Ramp"].rounds = [
            round_of({time: 230, (1 + share) * time: 20}, number, offered=share * rate)
            for number, share in enumerate(SHARES, 1)
        ]
    return result
