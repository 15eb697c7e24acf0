import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from loadtest.serving.result import read_result
from tests.loadtest.serving.conftest import CANNED, needs_wrk

ROOT = Path(__file__).parents[3]
CODE = """
import contextlib, io, json, sys
from loadtest.serving import command, running, servers

running.LOOK_S = 0.05
canned, runs = map(json.loads, sys.argv[1:])
for name, words in canned.items():
    servers.SERVERS[name] = servers.Server("canned", ["python", *words], apart=False)
for given in runs:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = command.main(given)
    print(json.dumps([given, code, out.getvalue(), err.getvalue()]))
"""


def compare(canned: dict[str, Sequence[object]], *runs: Sequence[object]) -> "list[subprocess.CompletedProcess[str]]":
    """Run the command once for each of the arguments, with canned servers in the places of some others."""
    told = [{name: list(map(str, words)) for name, words in canned.items()}, [list(map(str, one)) for one in runs]]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(json.dumps, told)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return [subprocess.CompletedProcess(*json.loads(line)) for line in done.stdout.splitlines()]


@needs_wrk
def test_servers_are_compared_and_the_table_is_drawn(corpus_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "serving.json"
    canned = {
        "ours": [CANNED, "{port}", corpus_file],
        "mosec": ["-c", "import sys; sys.exit('no such model')"],
        "fastapi": [CANNED, "{port}", corpus_file, "wrong"],
    }
    common = ("--variants", corpus_file.parent, "--variant", "int8", "--rounds", 1, "--seconds", 1, "--warm-up", 0)
    good, wrong = compare(
        canned,
        (*common, "--servers", "ours", "mosec", "--points", "beside", "--out", out),
        (*common, "--servers", "fastapi", "--out", tmp_path / "none.json"),
    )
    assert good.returncode == 0, good.stderr
    assert "serving: 1 of 2 done, mosec, round 1 of 1" in good.stderr
    result = read_result(out)
    assert result.complete
    assert result.left_out == {"mosec": "in round 1 it ended with exit code 1: no such model"}
    (taken,) = result.rounds
    assert set(taken.servers) == {"ours"}
    assert set(taken.servers["ours"]) == {"beside", "large"}
    for figures in taken.servers["ours"].values():
        assert figures.requests > 0
        assert figures.failed == 0
    assert "\n| ours | " in good.stdout
    assert "Left out: mosec (in round 1 it ended with exit code 1: no such model)." in good.stdout
    assert json.loads(good.stdout.splitlines()[-1])["rounds"] == 1
    assert str(tmp_path) not in out.read_text(encoding="utf-8")

    assert (wrong.returncode, wrong.stdout, (tmp_path / "none.json").exists()) == (2, "", False)
    assert "error: server 'fastapi' does not give the labels of the build" in wrong.stderr


@needs_wrk
def test_an_interruption_ends_the_server_too(corpus_file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from loadtest.serving import command, servers\n"
        "servers.SERVERS['ours'] = servers.Server('canned', ['python', *sys.argv[1:4]], apart=False)\n"
        "sys.exit(command.main(sys.argv[4:]))"
    )
    given = [
        "--variants",
        corpus_file.parent,
        "--variant",
        "int8",
        "--servers",
        "ours",
        "--out",
        tmp_path / "none.json",
    ]
    command = [sys.executable, "-c", code, CANNED, "{port}", corpus_file, *given]
    with subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert run.stderr.readline() == "serving: 0 of 5 done, ours, round 1 of 5\n"
        while not (started := psutil.Process(run.pid).children()):
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 130
        assert "interrupted" in run.stderr.read()
    _, left = psutil.wait_procs(started, timeout=600)
    assert not left, [(one.pid, one.status(), one.cmdline()) for one in left]


@needs_wrk
def test_what_is_missing_is_one_line(corpus_file: Path) -> None:
    there = ("--variants", corpus_file.parent, "--variant", "int8")
    given = {
        ("--variants", "nowhere"): "no corpus at 'nowhere/corpus.jsonl'",
        (*there, "--variant", "other"): "lacks expected labels for 'other'",
        (*there, "--servers", "apache"): "there is no server 'apache'",
        (*there, "--points", "9x9"): "there is no point '9x9'",
        (*there, "--servers", "mosec", "--peers-python", "nowhere/python"): "'make bench-serving' makes it",
    }
    for done, said in zip(compare({}, *given), given.values(), strict=True):
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert said in done.stderr
