"""A step's version is raised by hand: here its code is held to the version that it was written down with.

python -m tests.models.test_step_versions      # write them down again, once the versions in models/plan/plan.py and
models/recipe/passes.py are right
"""

import ast
import hashlib
import json
from pathlib import Path

import pytest

from models.plan.plan import STEP_VERSIONS
from models.recipe.passes import PASSES

RECORD = Path(__file__).with_name("step_versions.json")
MODELS = Path(__file__).parents[2] / "models"
TAUGHT = [
    "train/training",
    "train/connections",
    "train/distillation_data",
    "train/occurring",
    "train/transfer_sets",
    "train/augmentation",
    "train/embedding_neighbours",
    "train/encoder",
]
CALIBRATION = ["graph/calibration"]


def proof() -> list[str]:
    """Return build/finishing and all of prove/ and build/ that it rests on, by what each of them imports."""
    found = ["build/finishing"]
    for name in found:  # which grows
        for node in ast.walk(ast.parse((MODELS / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = node.module.removeprefix("models.").replace(".", "/")
                if imported.startswith(("prove/", "build/")) and imported not in found:
                    found.append(imported)
    return sorted(found)


CODE = {
    "teacher": [
        "train/teachers",
        "train/fine_tune",
        "plan/head",
        "plan/weights",
        "train/training",
        "train/connections",
        "train/distillation_data",
        "train/occurring",
        "train/encoder",
    ],
    "prune": ["passes/prune", *TAUGHT],
    "distill": ["passes/distill", "train/contextual", *TAUGHT],
    "sparsify": ["passes/sparsify", *TAUGHT],
    "export": ["graph/export", "graph/bert", "graph/tokenizer", *CALIBRATION],
    "trim": ["passes/trim", *CALIBRATION],
    "quantize": ["passes/quantize", "passes/half", *CALIBRATION],
    "variant": [*proof(), "graph/stored"],
    "cascade": [*proof(), "runtime/cascade"],
}
VERSIONS = {**STEP_VERSIONS, **{name: kind.version for name, kind in PASSES.items()}}


def code_hash(step: str) -> str:
    """Hash what the step's modules do: their syntax without docstrings and comments."""
    digest = hashlib.sha256()
    for name in CODE[step]:
        tree = ast.parse((MODELS / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def record() -> dict[str, dict[str, object]]:
    return {step: {"version": VERSIONS[step], "code": code_hash(step)} for step in CODE}


def test_all_that_a_verdict_depends_on_is_held() -> None:
    modules = ("evaluation", "statistics", "distributions", "gate", "withheld", "wording", "coverage", "threshold")
    assert {*(f"prove/{name}" for name in modules), "build/counted"} < set(CODE["variant"]) & set(CODE["cascade"])


@pytest.mark.parametrize("step", CODE)
def test_changed_code_has_a_new_version(step: str) -> None:
    known = json.loads(RECORD.read_text())[step]
    if known["code"] != code_hash(step):
        assert VERSIONS[step] != known["version"], (
            f"the code of '{step}' ({', '.join(CODE[step])}) changed and its version did not: raise it if the step's "
            "result changes, "
            f"then run 'python -m {__name__}'"
        )
        pytest.fail(f"the code of '{step}' changed with its version: run 'python -m {__name__}' to write that down")
    assert VERSIONS[step] == known["version"]


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(), indent=2) + "\n")
