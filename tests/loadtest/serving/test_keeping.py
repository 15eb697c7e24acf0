"""How the commands that measure with wrk end, and what they ask; what they measure is tested where it is done."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from loadtest import experiments, overload, soak
from loadtest.errors import LoadTestError
from loadtest.serving.keeping import keep, questions_of
from tests.loadtest.serving.conftest import needs_wrk


def nothing() -> dict[str, Any]:
    raise AssertionError("nothing is measured")


def test_what_cannot_be_kept_is_not_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path, tmp_path / "file" / "x.json", Path("/proc/none/x.json")):
        assert keep(out, nothing, str) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "--out" in said and said.count("\n") == 1


def test_what_is_measured_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keep(tmp_path / "new" / "x.json", lambda: {"rounds": 1}, lambda kept: f"table of {kept}") == 0
    assert capsys.readouterr().out == "table of {'rounds': 1}\n"
    assert (tmp_path / "new" / "x.json").read_text() == '{\n "rounds": 1\n}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_old_file(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    file, usual = tmp_path / "x.json", signal.getsignal(number)
    file.write_text("old")
    try:
        assert keep(file, lambda: {"x": os.kill(os.getpid(), number)}, str) == 130
    finally:
        signal.signal(number, usual)
    assert capsys.readouterr().err == f"interrupted; '{file}' is as it was\n"
    assert file.read_text() == "old"


def test_a_missing_build_or_variant_names_the_option_that_helps(tmp_path: Path, corpus_file: Path) -> None:
    with pytest.raises(LoadTestError, match=r"name another with --variants$"):
        questions_of(tmp_path, "nano")
    with pytest.raises(
        LoadTestError, match=r"'nano' \(it has teacher, int8, tiny\); run .*, or choose with --variant$"
    ):
        questions_of(corpus_file.parent, "nano")


@needs_wrk
@pytest.mark.parametrize(
    ("main", "given"),
    [
        (soak.main, "--share 0"), (soak.main, "--share nan"), (soak.main, "--share 1.5"), (soak.main, "--share -1"),
        (overload.main, "--times 0"), (overload.main, "--times inf"), (overload.main, "--times nan"),
        (experiments.main, "--rounds 0"), (soak.main, "--minutes 1"), (soak.main, "--variants /none"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    tmp_path: Path, main: Any, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([*given.split(), "--out", str(tmp_path / "x.json")])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
