import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.loadtest.conftest import Forks

Command = Callable[..., CompletedProcess[str]]


def test_a_variant_is_compared_with_itself(
    good_server: str, corpus_file: Path, tmp_path: Path, command: Command
) -> None:
    where = ("--host", good_server, "--corpus", corpus_file, "--variant", "int8", "--out", tmp_path / "again.json")
    done = command("loadtest.again", *where, "--runs", 2, "--rounds", 2, "--seconds", 0.5, "--warm-up", 0.05)
    if "error: too few answers of 'int8' for an interval" in done.stderr:  # on a busy machine
        assert done.returncode == 2
        return
    assert done.returncode in (0, 1), done.stderr
    kept = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert kept["holds"] is (done.returncode == 0)
    assert {"date", "commit", "python", "libraries", "host", "version", "corpus_sha256"} <= kept.keys()
    assert (kept["of"], len(kept["runs"]), kept["variant"]) == (2, 2, "int8")
    assert 0 <= kept["contain_1"] <= 2
    assert f"| 2 | {kept['contain_1']} | ±{kept['median_half_width']:.1%} |" in done.stdout
    assert [len(kept["runs"][0]["rounds"][name]) for name in ("one", "other")] == [2, 2]


FIXED = """
import json, sys
from loadtest.checks.again import again, verdict
from loadtest.errors import LoadTestError
from loadtest.scenarios.load import Load
from tests.loadtest.rounds import recorded


class Fixed:
    def __init__(self, turns):
        self.turns = iter(turns)

    def measure(self, variants, versions, load, seed):
        answers = next(self.turns)
        return None if answers is None else {name: recorded(dict([answers])).measurement() for name in variants}


for turns in json.loads(sys.argv[1]):
    try:
        rounds = again(Fixed(turns), "int8", "1", Load(0.1, 1.0), 3, "again.0")
        print(json.dumps(rounds and {**verdict([rounds]), "answers": [one.requests for one in rounds["other"]]}))
    except LoadTestError as error:
        print(json.dumps(str(error)))
"""


def test_two_that_are_equal_contain_1_and_two_that_are_not_do_not(forks: Forks) -> None:
    # One and other, other and one, one and other again.
    equal = [(2.0, 101), (2.02, 102), (2.0, 103), (2.02, 104), (2.02, 105), (2.0, 106)]
    slower = [(1.0, 101), (2.02, 102), (2.0, 103), (1.01, 104), (1.0, 105), (2.0, 106)]
    few = [*equal[:3], (2.0, 9), (2.0, 9), (2.0, 9)]
    done = forks.run(FIXED, json.dumps([equal, slower, few, [*equal[:4], None]]))
    assert done.returncode == 0, done.stderr
    same, differ, too_few, interrupted = map(json.loads, done.stdout.splitlines())
    assert (same["contain_1"], same["of"], same["holds"]) == (1, 1, True)
    assert 0.01 < same["median_half_width"] < 0.05
    assert (differ["contain_1"], differ["of"], differ["holds"]) == (0, 1, False)
    assert same["answers"] == [102, 103, 106]
    assert too_few == "too few answers of 'int8' for an interval; give --seconds more or check the service"
    assert interrupted is None


def test_wrong_answers_are_no_comparison(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Command
) -> None:
    server = start_server(wrong={"int8": 1})
    where = ("--host", server, "--corpus", corpus_file, "--variant", "int8", "--out", tmp_path / "again.json")
    done = command("loadtest.again", *where, "--runs", 1, "--rounds", 2, "--seconds", 0.5, "--warm-up", 0.05)
    assert done.returncode == 2
    assert "error: 'int8' did not answer rightly (" in done.stderr
    assert not (tmp_path / "again.json").exists()
