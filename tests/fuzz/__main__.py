"""Requests and bodies that nobody would write: a real service of the tiny build against its own OpenAPI document, and
the reader of binary tensors against coverage-guided bytes.

    python -m tests.fuzz [--examples 200] [--runs 2000000] [--seed 0] [--out service/results/published/fuzz.json]
"""

import argparse
import importlib.metadata
import importlib.util
import json
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fuzz.description import PROGRAM, fuzz
from tests.processes import ROOT
from tests.service.conftest import serving
from tests.tiny import tiny_build


def described(folder: Path, examples: int, seed: int, program: Path) -> dict[str, Any]:
    """Return what schemathesis found, and how often the service gave each status."""
    key = secrets.token_hex(16)
    tiny = tiny_build(folder / "tiny")
    settings = {
        **tiny.environment, "BONSAI_WORKERS": "1", "BONSAI_ADMIN_KEY": key,
        "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
    }  # fmt: skip
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, settings, bentoml, folder / "log.txt") as host:
        report, said = fuzz(host, key, examples, seed, program=program)
        statuses = counted(host)
    if report["errors"] or report["failures"]:
        print(said, file=sys.stderr)
    return {
        "schemathesis": report.get("schemathesis_version"),
        "operations": report["operations"]["tested"] if "operations" in report else 0,
        "examples": report["test_cases"]["generated"] if "test_cases" in report else 0,
        "failures": {each["title"]: each["count"] for each in report.get("failures", [])},
        "errors": len(report["errors"]),
        "statuses": statuses,
    }


def counted(host: str) -> dict[str, int]:
    """Return how many answers of each status the service has given."""
    with urllib.request.urlopen(f"{host}/metrics", timeout=20) as answer:
        lines = answer.read().decode()
    statuses = Counter[str]()
    for status, count in re.findall(r'^bonsai_requests_total\{status="(\d+)"[^}]*\} (\S+)$', lines, re.MULTILINE):
        statuses[status] += int(float(count))
    return dict(sorted(statuses.items()))


def binary(folder: Path, runs: int, seed: int) -> dict[str, Any]:
    """Return how many bodies atheris made of bytes, and whether one was neither read nor refused."""
    if importlib.util.find_spec("atheris") is None:
        return {"skipped": "atheris is not installed: pip install atheris"}
    command = [sys.executable, "-m", "tests.fuzz.binary", f"-atheris_runs={runs}", f"-seed={seed}",
               f"-artifact_prefix={folder}/"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
    return {"atheris": importlib.metadata.version("atheris"), "runs": runs, "crashed": done.returncode != 0}


def rows(found: dict[str, Any]) -> list[dict[str, str]]:
    """Return what was found as rows of the table of faults."""
    described, tensors = found["document"], found["binary"]
    failed, wrong = described["statuses"].get("500", 0), sum(described["failures"].values())
    asked = f"{described['examples']:,} requests to {described['operations']} operations"
    wrongly_read = "one" if tensors.get("crashed") else "none"
    made = tensors.get("skipped") or f"{tensors['runs']:,} bodies: {wrongly_read} was neither"
    return [
        {
            "fault": "requests made from the OpenAPI document, valid and not",
            "done": "schemathesis, all checks, against a running service",
            "promised": "every answer is one that the document names; no 500",
            "seen": f"{asked}: {wrong} answers unlike it, {failed} of 500",
        },
        {
            "fault": "bytes where binary tensors are expected",
            "done": "atheris on the reader of v2 bodies",
            "promised": "texts, or one sentence and a 400",
            "seen": made,
        },
    ]


def main() -> int:
    """Fuzz, keep, say; exit code 1 where something was found, 2 where the program for it is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="at most, of each operation and kind")
    parser.add_argument("--runs", type=int, default=2_000_000, help="bodies of bytes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemathesis", type=Path, default=PROGRAM)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if not given.schemathesis.exists():
        print(f"error: there is no '{given.schemathesis}'; install it: pip install schemathesis", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bonsai-fuzz-") as place:
        found: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "seed": given.seed,
            "document": described(Path(place), given.examples, given.seed, given.schemathesis),
            "binary": binary(Path(place), given.runs, given.seed),
        }
    found["rows"] = rows(found)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    document = found["document"]
    return int(bool(document["errors"] or document["failures"] or found["binary"].get("crashed")))


if __name__ == "__main__":
    sys.exit(main())
