import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_a_variant_is_compared_with_itself(
    good_server: str, corpus_file: Path, tmp_path: Path, command: Command
) -> None:
    where = ("--host", good_server, "--corpus", corpus_file, "--variant", "int8", "--out", tmp_path / "again.json")
    done = command("loadtest.again", *where, "--runs", 2, "--rounds", 2, "--seconds", 0.5, "--warm-up", 0.05)
    assert done.returncode in (0, 1), done.stderr
    kept = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert kept["holds"] is (done.returncode == 0)
    assert {"date", "commit", "python", "libraries", "host", "version", "corpus_sha256"} <= kept.keys()
    assert (kept["of"], len(kept["runs"]), kept["variant"]) == (2, 2, "int8")
    assert 0 <= kept["contain_1"] <= 2
    assert f"| 2 | {kept['contain_1']} | ±{kept['median_half_width']:.1%} |" in done.stdout
    assert [len(kept["runs"][0]["rounds"][name]) for name in ("one", "other")] == [2, 2]


def test_wrong_answers_are_no_comparison(
    start_server: Callable[..., str], corpus_file: Path, tmp_path: Path, command: Command
) -> None:
    server = start_server(wrong={"int8": 3})
    where = ("--host", server, "--corpus", corpus_file, "--variant", "int8", "--out", tmp_path / "again.json")
    done = command("loadtest.again", *where, "--runs", 1, "--rounds", 2, "--seconds", 0.5, "--warm-up", 0.05)
    assert done.returncode == 2
    assert "error: 'int8' did not answer rightly (" in done.stderr
    assert not (tmp_path / "again.json").exists()
