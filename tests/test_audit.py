"""What `make audit` makes of a report, and the exceptions that it lets through."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit import EXCEPTIONS, Accepted, Found, judge, read, read_exceptions

ROOT = Path(__file__).parents[1]
OLD = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]}
REPORT = {"dependencies": [OLD, {"name": "x", "skip_reason": "not found"}, {"name": "y", "version": "1", "vulns": []}]}
FOUND = Found("jinja2", "2.10", ("PYSEC-1", "CVE-1"), ("3",))


def test_a_report_is_read_with_what_it_skipped() -> None:
    assert read(REPORT) == ([FOUND], ["x"])


def test_an_exception_holds_in_its_set_alone_and_a_stale_one_is_named() -> None:
    by_id, by_name = Accepted("build", "", ids=("CVE-1",)), Accepted("build", "", packages=("jinja2",))
    other = Accepted("build", "", ids=("CVE-2",))
    assert judge("build", [FOUND], [by_id, other]) == ([], [other])
    assert judge("build", [FOUND], [by_name]) == ([], [])
    assert judge("run", [FOUND], [by_id, by_name]) == ([FOUND], [])


def test_every_exception_has_a_reason_and_none_is_of_what_is_served() -> None:
    accepted = read_exceptions(EXCEPTIONS.read_text(encoding="utf-8"))
    assert accepted and all(one.set == "build" for one in accepted)
    with pytest.raises(ValueError, match="not what is expected"):
        read_exceptions("- {ids: [CVE-1], set: build, reason: short}")


@pytest.mark.parametrize(
    ("says", "rc", "said"),
    [
        ({"dependencies": [{"name": "jinja2", "skip_reason": "not on the index"}]}, 0, "knows of no vulnerability of"),
        (None, 0, "skipped, because the source of advisories cannot be reached here"),
        (REPORT, 1, "audit, run: jinja2 2.10 has PYSEC-1, CVE-1; fixed in 3"),
    ],
)
def test_a_source_that_knows_nothing_is_no_source(tmp_path: Path, says: object, rc: int, said: str) -> None:
    command = tmp_path / "pip-audit"  # what it prints, whatever it is asked
    printed = "echo 'could not connect' >&2; exit 1" if says is None else f"echo '{json.dumps(says)}'"
    command.write_text(f"#!/bin/sh\n{printed}\n")
    command.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit", "--pip-audit", str(command)],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (rc, "") and said in done.stdout
    assert rc or done.stdout.count("\n") == 1
