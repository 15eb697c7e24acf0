import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from loadtest.figures.change import Change, is_slower
from loadtest.figures.comparison import Comparison
from loadtest.figures.services import sentences
from loadtest.numbers.result import SCHEMA, Result
from loadtest.numbers.run_folder import read_result
from loadtest.scenarios.registry import BY_NAME
from loadtest.show.table import sections
from tests.loadtest.bonsai_server import card
from tests.loadtest.conftest import Done, Forks

ROOT = Path(__file__).parents[2]
SHORT = ("--scenarios", "SingleStream", "--warm-up", 0.1, "--no-control", "--no-ceiling", "--no-pin")


def read(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((out / "latest" / "result.json").read_text(encoding="utf-8"))
    return result


def services_of(out: Path) -> list[Change]:
    return Comparison(read_result(out / "latest")).services


def test_a_good_run_ends_well_and_leaves_all_its_files(good_run: tuple[Done, Path]) -> None:
    done, out = good_run
    assert done.returncode == 0, done.stderr
    assert "| teacher |" in done.stdout
    # No bar without a terminal, only a line now and then, and no warning.
    assert all(line.startswith(("note: ", "load test: ")) for line in done.stderr.splitlines())
    assert (out / "latest").is_symlink()
    assert sorted(file.name for file in (out / "latest").iterdir()) == [
        "comparison.json",
        "latency_accuracy.png",
        "latency_ecdf.png",
        "latency_p99.png",
        "report.html",
        "result.json",
        "table.md",
    ]
    assert (out / "latest" / "latency_accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_the_result_has_the_first_level_that_was_agreed(good_run: tuple[Done, Path]) -> None:
    result = read(good_run[1])
    assert set(result) == {"schema_version", "run", "conditions", "variants"}
    assert result["schema_version"] == SCHEMA
    assert result["run"]["complete"] is True
    assert list(result["variants"]) == ["teacher", "int8", "tiny"]
    for variant in result["variants"].values():
        assert variant["version"] == variant["card"]["version"]
        assert variant["failures"] == {}


def test_each_round_holds_its_own_times_in_rotated_order(good_run: tuple[Done, Path]) -> None:
    places = {}
    for name, variant in read_result(good_run[1] / "latest").variants.items():
        rounds = variant.rounds("SingleStream")
        assert [one.round for one in rounds] == [1, 2, 3]
        places[name] = [one.place for one in rounds]
        for one in rounds:
            assert one.requests == one.right == HdrHistogram.decode(one.histogram).get_total_count()
            assert one.generator.cpu_share > 0 or not one.requests  # a busy machine may leave a round nothing
        assert sum(one.requests for one in rounds) > 0
    assert places == {"teacher": [1, 3, 2], "int8": [2, 1, 3], "tiny": [3, 2, 1]}


def test_times_are_not_shorter_than_the_service_took_and_not_rounded_to_milliseconds(
    good_run: tuple[Done, Path],
) -> None:
    rounds = read_result(good_run[1] / "latest").variants["teacher"].rounds("SingleStream")
    times = [
        item.value_iterated_to for one in rounds for item in HdrHistogram.decode(one.histogram).get_recorded_iterator()
    ]
    assert min(times) >= 3_990  # the server sleeps for 4 ms
    assert any(time % 1000 for time in times)


def test_every_kind_of_wrong_answer_is_counted_said_and_fails_the_run(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(status={"teacher": [2, 503]}, wrong={"int8": 3}, off_schema={"tiny": 2}, delay=0.001)
    short = (
        "--scenarios",
        "SingleStream",
        "--warm-up",
        0.1,
        "--no-ceiling",
        "--no-pin",
        "--rounds",
        1,
        "--seconds",
        1,  # of a fifth of it a busy machine may leave no time for three requests
    )
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, *short)
    assert done.returncode == 1
    result = read(tmp_path)
    assert {name: set(variant["failures"]) for name, variant in result["variants"].items()} == {
        "teacher": {"5xx"},
        "int8": {"wrong_label"},
        "tiny": {"off_schema"},
    }
    for name, every in (("teacher", 2), ("int8", 3), ("tiny", 2)):
        rounds = result["variants"][name]["scenarios"]["SingleStream"]["rounds"]
        for one in rounds:
            failed = sum(one["failures"].values())
            assert one["requests"] // every <= failed <= one["requests"] // every + 1
            assert one["right"] == one["requests"] - failed == HdrHistogram.decode(one["histogram"]).get_total_count()
    teacher = result["variants"]["teacher"]  # to which the failures of its control belong as well
    measured = teacher["scenarios"]["SingleStream"]["rounds"] + result["run"]["control"]["rounds"]
    assert len(measured) == 2
    # Where the machine slowed the generator a round was measured again: what failed in either is counted.
    measured += [again for one in measured for again in one.get("repeats", ())]
    assert teacher["failures"]["5xx"] == sum(one["failures"].get("5xx", 0) for one in measured)
    assert "failed answers" in done.stderr
    assert "int8, wrong_label: 'text number" in done.stderr
    assert "**This run has" in done.stdout
    assert 'class="warning"' in (tmp_path / "latest" / "report.html").read_text(encoding="utf-8")


def test_late_broken_and_foreign_answers_are_counted_apart(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(
        delay={"teacher": 0.2}, garbage={"int8": 2}, versions={"tiny": "ffffffffffff"}, chunked=True, close=7
    )
    short = (*SHORT, "--rounds", 1, "--seconds", 1, "--corpus", corpus_file, "--out", tmp_path)
    found: dict[str, Any] = {}
    # Only what is late for certain has so short a time: on a busy machine others would be late too.
    for more in (("teacher", "--timeout", 0.1), ("int8", "tiny")):
        done = command("loadtest.run", "--host", server, *short, "--variants", *more)
        assert done.returncode == 1
        found |= read(tmp_path)["variants"]
    assert {name: set(variant["failures"]) for name, variant in found.items()} == {
        "teacher": {"late"},
        "int8": {"dropped"},
        "tiny": {"off_schema"},
    }
    assert found["teacher"]["scenarios"]["SingleStream"]["rounds"][0]["right"] == 0
    assert "ffffffffffff" in done.stderr


def test_a_stall_that_outlasts_the_window_is_in_the_times(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(stall={"int8": [2, 1.2]})
    short = (*SHORT, "--variants", "int8", "--rounds", 1, "--warm-up", 0.001, "--seconds", 1)
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, *short)
    assert done.returncode == 0, done.stderr
    (one,) = read(tmp_path)["variants"]["int8"]["scenarios"]["SingleStream"]["rounds"]
    assert HdrHistogram.decode(one["histogram"]).get_max_value() > 1_190_000


def test_a_service_slower_than_the_window_fails_the_run(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    # The only request begins in the warm-up, long as it is since it may begin late, and is answered after the window.
    server = start_server(delay={"teacher": 2.4})
    short = (*SHORT, "--variants", "teacher", "--rounds", 1, "--warm-up", 2, "--seconds", 0.2)
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, *short)
    assert done.returncode == 1
    assert "error: This run has no answer at all of teacher in SingleStream.\n" in done.stderr
    assert done.stderr.count("error: ") == 1


def test_what_was_never_sent_counts_as_no_quicker_than_what_timed_out(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    server = start_server(delay={"int8": 3.0})
    short = (
        *SHORT,
        "--variants",
        "int8",
        "--rounds",
        1,
        "--seconds",
        0.6,
        "--timeout",
        0.8,
        "--mix",
        "int8=1",
        "--rate",
        800,
    )
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, *short)
    assert done.returncode == 1
    (one,) = read(tmp_path)["variants"]["int8"]["scenarios"]["Mix"]["rounds"]
    assert one["failures"]["late"] == one["requests"] > 256  # more than there are connections
    assert HdrHistogram.decode(one["histogram"]).get_min_value() >= 799_000


@pytest.mark.parametrize("scenario", ["SingleStream", "Server"])
def test_a_service_that_dies_leaves_an_incomplete_result(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done], scenario: str
) -> None:
    server = start_server(die_after=300, delay=0.002)
    short = (*SHORT, "--scenarios", scenario, "--p99-limit", 500, "--rounds", 20, "--seconds", 0.3)
    done = command("loadtest.run", "--host", server, "--corpus", corpus_file, "--out", tmp_path, *short)
    assert done.returncode == 1
    result = read(tmp_path)
    assert result["run"]["complete"] is False
    assert "the service stopped answering in" in result["run"]["stopped"]
    assert "incomplete" in done.stderr
    kept = result["variants"]["teacher"]["scenarios"][scenario]
    assert kept["rounds"] if scenario == "SingleStream" else kept["search"]


def in_background(*arguments: object) -> subprocess.Popen[str]:
    """A run as a shell starts what ends in &: ignoring SIGINT."""
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "loadtest.run", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(written: str, out: Path) -> None:
    """Wait until the result of the one run in that folder holds such a text."""
    deadline = time.monotonic() + 60
    while (
        not any(written in file.read_text(encoding="utf-8") for file in out.glob("*/result.json"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)


def test_ctrl_c_keeps_what_was_measured(good_server: str, corpus_file: Path, tmp_path: Path) -> None:
    process = in_background(
        "--host", good_server, "--corpus", corpus_file, "--out", tmp_path, *SHORT, "--rounds", 100, "--seconds", 0.2
    )
    wait_for('"histogram"', tmp_path)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=600)
    assert process.returncode == 130, complained
    result = read(tmp_path)
    assert result["run"]["complete"] is False
    assert "interrupted after" in result["run"]["stopped"]
    assert result["variants"]["teacher"]["scenarios"]["SingleStream"]["rounds"]
    assert "| teacher |" in said
    assert "Traceback" not in complained


def test_ctrl_c_ends_a_run_that_has_not_begun(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = in_background("--host", f"http://127.0.0.1:{silent.getsockname()[1]}", "--out", tmp_path / "out")
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=600)
    assert (process.returncode, *said) == (130, "", "interrupted\n")
    assert not (tmp_path / "out").exists()


FAILS_IN_ROUND_2 = """
import sys, loadtest.run
from loadtest.errors import LoadTestError
from loadtest.measurement import all_turns

def take(turn, *rest, taken=all_turns.take):
    if turn.round == 2:
        raise LoadTestError("1 of 2 generator processes reported")
    return taken(turn, *rest)

all_turns.take = take
sys.exit(loadtest.run.main(sys.argv[1:]))
"""


def test_an_error_in_the_middle_keeps_what_was_measured(
    good_server: str, corpus_file: Path, tmp_path: Path, forks: Forks
) -> None:
    where = ("--host", good_server, "--corpus", corpus_file, "--out", tmp_path)
    done = forks.run(FAILS_IN_ROUND_2, *where, *SHORT, "--rounds", 2, "--seconds", 0.2)
    assert done.returncode == 2, done.stderr
    assert (
        "incomplete: SingleStream, round 2, int8 failed after 3 of 6 measurements (1 of 2 generator processes "
        "reported)."
    ) in done.stderr
    assert "| teacher |" in done.stdout
    assert [len(variant["scenarios"]["SingleStream"]["rounds"]) for variant in read(tmp_path)["variants"].values()] == [
        1,
        1,
        1,
    ]


NO_FILE_LEFT = """
import os
import gevent
from loadtest.locustfile import *  # noqa: F403
from loadtest.users import closed_loop, open_loop

def draw(user, draw=closed_loop.ClosedLoopUser.draw):
    gevent.sleep(LATE)
    return draw(user)

closed_loop.ClosedLoopUser.draw = draw
for loop in (closed_loop.ClosedLoopUser, open_loop.OpenLoopUser):
    def on_start(user, start=loop.on_start):
        start(user)
        user.taken = []
        try:
            while True:
                user.taken.append(os.dup(0))
        except OSError:
            pass

    def on_stop(user, stop=loop.on_stop):
        for one in user.taken:
            os.close(one)
        stop(user)

    loop.on_start, loop.on_stop = on_start, on_stop
del loop  # Locust would take it for one user more
"""
WITHOUT_FILES = """
import sys
from pathlib import Path
import greedy, loadtest.run, loadtest.users.workers

loadtest.users.workers.LOCUSTFILE = Path(greedy.__file__)
sys.exit(loadtest.run.main(sys.argv[1:]))
"""


# The files may be missed within the measurement's 0.35 s or, on a busy machine, only when it is over.
@pytest.mark.parametrize(
    ("processes", "scenario", "late"),
    [(1, "SingleStream", 0.0), (1, "SingleStream", 1.0), (1, "Server", 0.0), (2, "SingleStream", 0.0)],
)
def test_a_generator_that_has_no_file_left_says_so_in_one_sentence(
    good_server: str, corpus_file: Path, tmp_path: Path, processes: int, scenario: str, late: float
) -> None:
    (tmp_path / "greedy.py").write_text(f"LATE = {late}\n{NO_FILE_LEFT}", encoding="utf-8")
    short = (
        *SHORT,
        "--scenarios",
        scenario,
        "--p99-limit",
        50,
        "--variants",
        "tiny",
        "--rounds",
        1,
        "--seconds",
        0.2,
        "--processes",
        processes,
    )
    arguments = ["--host", good_server, "--corpus", corpus_file, "--out", tmp_path, *short]
    command = [
        "bash",
        "-c",
        'ulimit -n 400; exec "$@"',
        "bash",
        sys.executable,
        "-c",
        WITHOUT_FILES,
        *map(str, arguments),
    ]
    paths = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert (
        "the load generator cannot open another connection (Too many open files); raise its limit with 'ulimit -n 4096'"
        in said
    )


NO_CEILING = """
import sys, loadtest.run
from loadtest.errors import LoadTestError

def ceiling(*_):
    raise LoadTestError("no ceiling")

loadtest.run.ceiling = ceiling
sys.exit(loadtest.run.main(sys.argv[1:]))
"""


def test_a_generator_that_cannot_start_leaves_no_folder(
    good_server: str, corpus_file: Path, tmp_path: Path, forks: Forks
) -> None:
    done = forks.run(NO_CEILING, "--host", good_server, "--corpus", corpus_file, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (2, "error: no ceiling\n")
    assert not (tmp_path / "out").exists()


CANNOT_START = [
    (["--host", "http://127.0.0.1:1"], "no service answers at http://127.0.0.1:1"),
    (["--corpus", "nowhere.jsonl"], "no corpus at 'nowhere.jsonl'"),
    (["--variants", "teacher", "none"], "variant 'none' is not served"),
    (["--host", "http://127.0.0.1:1", "--against", "http://127.0.0.1:1"], "no service answers at http://127.0.0.1:1"),
    (["--against", "http://127.0.0.1:1"], "no service answers at http://127.0.0.1:1"),
    (["--host", "https://me:secret@127.0.0.1:1"], "no service answers at https://127.0.0.1:1 ("),
    (
        ["--against", "SAME", "--scenarios", "Server"],
        "Server has no figure that rounds of two services pair; with --against expected SingleStream or Offline",
    ),
]


def test_what_cannot_start_is_one_line(
    good_server: str, corpus_file: Path, tmp_path: Path, commands: Callable[..., list[Done]]
) -> None:
    where = ["--host", good_server, "--corpus", corpus_file, "--out", tmp_path / "out"]
    arguments = [[good_server if one == "SAME" else one for one in given] for given, _ in CANNOT_START]
    for done, (given, said) in zip(
        commands("loadtest.run", *([*where, *given] for given in arguments)), CANNOT_START, strict=True
    ):
        assert done.returncode == 2, given
        assert done.stderr.startswith(f"error: {said}")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_some_variants_alone_without_the_teacher_and_with_texts_of_our_own(
    good_server: str, tmp_path: Path, command: Callable[..., Done]
) -> None:
    short = (*SHORT, "--rounds", 2, "--seconds", 0.2)
    done = command(
        "loadtest.run",
        "--host",
        good_server,
        "--lengths",
        "8,16:2",
        "--out",
        tmp_path,
        "--variants",
        "tiny",
        "int8",
        *short,
    )
    assert done.returncode == 0, done.stderr
    assert list(read(tmp_path)["variants"]) == ["tiny", "int8"]
    assert read(tmp_path)["run"]["baseline"] == "tiny"
    assert read(tmp_path)["conditions"]["corpus"]["labels_checked"] is False


def test_all_scenarios_are_measured_and_kept(full_run: tuple[Done, Path]) -> None:
    done, out = full_run
    assert done.returncode in (0, 1), done.stderr  # 1: a busy machine can make an answer late
    result = read(out)
    assert result["run"]["complete"] is True
    for variant in result["variants"].values():
        scenarios = variant["scenarios"]
        assert list(scenarios) == ["SingleStream", "Server", "Offline", "Ramp"]
        server = scenarios["Server"]
        # Which rates are sustained, and whether any is, is the machine's to say.
        passed = {probe["rate"] for probe in server["search"] if probe["passed"]}
        failed = {probe["rate"] for probe in server["search"]} - passed
        assert (server["passed"], server.get("failed")) == (max(passed, default=0.0), min(failed, default=None))
        lost = sum(each["rounds"] for each in server["given_up"])
        rounds = [len(scenarios[name]["rounds"]) for name in scenarios]
        assert rounds == ([2, 2 - lost, 2, 7] if passed else [2, 0, 2, 0])
        assert server["rate"] == pytest.approx(0.9 * 0.8 ** len(server["given_up"]) * server["passed"], abs=0.002)
        for one in server["rounds"] + scenarios["Ramp"]["rounds"]:
            starts = HdrHistogram.decode(one["lateness"]).get_total_count() + one["no_connection"]
            assert one["requests"] == starts == round(one["offered"] * one["seconds"])
            assert one["right"] == round(one["achieved"] * one["seconds"])
            assert 0 <= one["disturbance"]["steal_share"] <= 1
        assert all(one["right_texts"] == 20 * one["right"] for one in scenarios["Offline"]["rounds"])
    found = Comparison(read_result(out / "latest"))
    assert (out / "latest" / "latency_throughput.png").exists() is (BY_NAME["Ramp"] in found.measured)
    assert all(f"### {scenario.title}" in done.stdout for scenario in found.measured if scenario.title)
    assert ("A/A control: teacher against itself" in done.stdout) is (found.control is not None)


def test_the_run_says_what_the_generator_can_and_where_it_ran(full_result: Result) -> None:
    generator = full_result.conditions.generator
    assert generator is not None and generator.ceiling is not None
    assert generator.ceiling.closed > 0
    assert generator.pinned == (full_result.conditions.machine.usable_cores > 1)
    if generator.pinned:
        assert not set(generator.generator_cores or []) & set(generator.server_cores or [])


def test_the_control_is_no_variant(full_run: tuple[Done, Path]) -> None:
    result = read_result(full_run[1] / "latest")
    assert list(result.variants) == ["teacher", "tiny"]
    assert result.run.control is not None
    assert [one.round for one in result.run.control.rounds] == [1, 2]
    assert result.run.control.variant == "teacher"


def test_two_services_are_measured_in_turns_and_compared_variant_by_variant(
    good_server: str, start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    other = start_server(
        delay=0.03,
        login="me:secret",
        versions={"tiny": "ffffffffffff"},
        cards={"variants": [card("int8", 1), card("tiny", 0xFFFFFFFFFFFF)]},
    )
    short = (*SHORT, "--rounds", 3, "--seconds", 0.6, "--corpus", corpus_file, "--out", tmp_path)
    done = command("loadtest.run", "--host", good_server, "--against", other.replace("://", "://me:secret@"), *short)
    services = services_of(tmp_path)
    result = read(tmp_path)
    there = result["against"]["variants"]
    assert list(result["variants"]) == list(there) == ["int8", "tiny"]
    assert result["against"]["host"] == other
    for name in there:
        rounds = [side[name]["scenarios"]["SingleStream"]["rounds"] for side in (result["variants"], there)]
        assert [[one["round"] for one in those] for those in rounds] == [[1, 2, 3]] * 2
        # Each was asked at its own service: there nothing is answered sooner, and tiny has another version.
        times = [HdrHistogram.decode(one["histogram"]) for one in rounds[1]]
        assert min(one.get_min_value() for one in times if one.get_total_count()) >= 29_990
        assert result["variants"][name]["failures"] == there[name]["failures"] == {}
    assert not any("secret" in file.read_text(encoding="utf-8") for file in (tmp_path / "latest").glob("*.[jmh]*"))
    assert "secret" not in done.stdout + done.stderr
    heads, (int8, tiny) = sections(Comparison(read_result(tmp_path / "latest")))["Against"]
    assert [row[:4] for row in (int8, tiny)] == [
        ["int8", "SingleStream", "000000000001", "000000000001"],
        ["tiny", "SingleStream", "000000000002", "ffffffffffff"],
    ]
    by_round = int8[heads.index("round by round")]
    # Without those that a busy machine left too few answers.
    assert by_round == "–" or 1 <= len([float(one) for one in by_round.split(", ")]) <= 3
    assert "### Against: the same variants at another service, in turns" in done.stdout
    turned = (*short, "--variants", "int8")
    again = command("loadtest.run", "--host", other.replace("://", "://me:secret@"), "--against", good_server, *turned)
    # Which is faster is the machine's to say; what is said of it and the exit status are what the figures hold.
    for run, changes, there in ((done, services, other), (again, services_of(tmp_path), good_server)):
        assert run.returncode == int(is_slower(changes)), run.stderr
        assert sentences(changes, there) in run.stdout


def test_a_corpus_of_another_build_is_refused_before_anything_is_asked(
    good_server: str, corpus_file: Path, tmp_path: Path, commands: Callable[..., list[Done]]
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(corpus_file.read_bytes())
    tags = {name: {"tag": f"bonsai-{name}:feedfacecafe"} for name in ("teacher", "int8", "tiny")}
    build = {"build_id": "0123", "corpus_sha256": hashlib.sha256(corpus.read_bytes()).hexdigest(), "variants": tags}
    (tmp_path / "build.json").write_text(json.dumps(build), encoding="utf-8")
    where = ("--host", good_server, "--corpus", corpus, "--out", tmp_path / "out")
    unchecked = (*where, "--no-labels", *SHORT, "--variants", "tiny", "--rounds", 1, "--seconds", 2)
    refused, done = commands("loadtest.run", where, unchecked)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert (
        "is of another build than the service: build 0123 has 'teacher' feedfacecafe, 000000000000 is served"
        in refused.stderr
    )
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((tmp_path / "out" / "latest" / "result.json").read_text(encoding="utf-8"))["conditions"]["corpus"][
            "labels_checked"
        ]
        is False
    )


def test_too_few_files_for_the_generator_are_refused_before_anything_is_asked(
    good_server: str, corpus_file: Path, tmp_path: Path, forks: Forks
) -> None:
    few = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); from loadtest.run import "
        "main; sys.exit(main(sys.argv[1:]))"
    )
    done = forks.run(few, "--host", good_server, "--corpus", corpus_file, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: the load generator may have 200 files open and needs 3")
    assert not (tmp_path / "out").exists()


def test_the_limit_is_five_times_the_baselines_p99_unless_it_is_given(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, full_result: Result
) -> None:
    assert (full_result.conditions.limit_ms, full_result.conditions.limit_from) == (60.0, "given with --p99-limit")
    short = (*SHORT, "--variants", "tiny", "--scenarios", "Server", "--seconds", 0.3)
    process = in_background("--host", start_server(), "--corpus", corpus_file, "--out", tmp_path, *short)
    wait_for('"limit_from"', tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=600)
    assert process.returncode == 130
    result = read(tmp_path)
    found = re.fullmatch(r"5 times tiny's p99 of ([\d.e+]+) ms, rounded", result["conditions"]["limit_from"])
    assert found
    assert result["conditions"]["limit_ms"] == pytest.approx(5 * float(found[1]), rel=0.25)
    assert sum(one["requests"] for one in result["run"]["limit_rounds"]) >= 1000


def test_two_generator_processes_add_up_and_a_mix_is_told_apart(
    good_server: str, corpus_file: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    mixed = ("--variants", "tiny", "int8", "--mix", "tiny=1,int8=3", "--rate", 100, "--processes", 2)
    done = command(
        "loadtest.run",
        "--host",
        good_server,
        "--corpus",
        corpus_file,
        "--out",
        tmp_path,
        *SHORT,
        *mixed,
        "--rounds",
        1,
        "--seconds",
        2,  # of half a second a busy machine may leave a process nothing
    )
    assert done.returncode == 0, done.stderr
    variants = read(tmp_path)["variants"]
    asked = {name: variant["scenarios"]["Mix"]["rounds"][0] for name, variant in variants.items()}
    assert {one["generator"]["processes"] for one in asked.values()} == {2}
    assert all(one["requests"] == HdrHistogram.decode(one["histogram"]).get_total_count() for one in asked.values())
    requests = sum(one["requests"] for one in asked.values())
    assert 0 < requests < 280  # Poisson, 200 ± 14, and on a busy machine fewer
    assert asked["int8"]["requests"] > asked["tiny"]["requests"] or requests < 100
    assert variants["tiny"]["scenarios"]["SingleStream"]["rounds"][0]["requests"] > 0
