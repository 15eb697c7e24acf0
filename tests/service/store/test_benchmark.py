"""The benchmark runs, and says what it lost."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service.store.benchmark", "--seconds", "0.3", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_it_prints_one_line_of_json() -> None:
    done = run()
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    measured = json.loads(done.stdout)["stores"]["sqlite"]
    for steady in measured["steady"]:
        rows = steady["predictions"] + steady["shadows"]
        assert steady["written"] + sum(steady["lost"].values()) == rows


def test_a_database_that_is_away_is_one_line() -> None:
    done = run("sqlite:////nowhere/store.db")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: the database sqlite:////nowhere/store.db cannot be made")


def test_the_published_result_is_one_of_ours() -> None:
    published = json.loads((ROOT / "service" / "results" / "published" / "store.json").read_text(encoding="utf-8"))
    assert {"conditions", "stores"} == published.keys()
    (slowest, *_) = published["stores"]["sqlite"]["steady"]
    assert (slowest["predictions_per_second"], slowest["lost"]) == (2000, {})
