"""A running service against its own OpenAPI document, by schemathesis: every check, every route, valid and invalid
requests, one after another and in the order in which they belong together.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.processes import ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")
ALL = "coverage,fuzzing,stateful"
PROGRAM = Path(sys.executable).with_name("schemathesis")


def fuzz(
    host: str, key: str, examples: int, seed: int = 0, phases: str = ALL, program: Path = PROGRAM
) -> tuple[dict[str, Any], str]:
    """Return schemathesis' report on the service, and what it printed."""
    with urllib.request.urlopen(f"{host}/v1/models", timeout=20) as answer:
        name = json.load(answer)["models"][-1]
    with urllib.request.urlopen(f"{host}/v2/models/{name}", timeout=20) as answer:
        version = json.load(answer)["versions"][0]
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        checked = ["--config-file", str(CONFIG), "run", f"{host}/docs.json", "--checks", "all", "--phases", phases]
        drawn = ["--max-examples", str(examples), "--seed", str(seed)]
        command = [str(program), *checked, *drawn, "--report", "json", "--report-json-path", str(report)]
        environment = {**os.environ, "FUZZ_KEY": key, "FUZZ_VERSION": version, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        said = done.stdout + done.stderr
        return (json.loads(report.read_text(encoding="utf-8")) if report.exists() else {"errors": [said]}), said
