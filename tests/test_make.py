"""`make help` knows every target, and what runs before a commit is what `make lint` runs."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_help_has_a_line_for_every_target() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=600
    ).stdout
    assert [line.split(maxsplit=1)[0] for line in shown.splitlines()] == targets.split()
    assert all(len(line.split(maxsplit=1)) == 2 for line in shown.splitlines())


def test_the_hooks_run_what_make_lint_runs() -> None:
    hooks = [
        hook["entry"]
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
        for hook in repo["hooks"]
    ]
    (lint,) = re.findall(r"^lint:.*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert [f"{hook} ." if "ruff" in hook else hook for hook in hooks] == lint.replace("$(BIN)", ".venv/bin").split(
        " && "
    )


def test_what_runs_in_the_environment_makes_it_first() -> None:
    rules = re.findall(r"^([a-z/.$()A-Z_-]+):(?!=)(.*)\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    needs = {target: {word for word in needed.split("##")[0].split() if word != "|"} for target, needed, _ in rules}
    ready = {"env", "$(STAMP)"}
    while more := {target for target, needed in needs.items() if needed & ready} - ready:
        ready |= more
    assert {target for target, _, recipe in rules if "$(BIN)/" in recipe} <= ready
