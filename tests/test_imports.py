"""Imports point one way: the service reaches the torch-free part of models, the load test reaches neither, nothing runs in circles."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "optimum", "datasets", "sentence_transformers", "sklearn", "scipy"}
BUILD_TIME = {"torch", "transformers", "optimum", "datasets"}
# What a room may import of its own part besides itself.
RULES: dict[str, set[str]] = {
    "service.variants": set(),
    "service.routes": {"service.variants"},
    "service.serving": {"service.routes", "service.variants"},
}
SHARED = {"models.card", "models.classifier", "models.errors", "models.loading", "models.store", "models.tokenization"}
FILES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for part in ("models", "service", "loadtest") for path in (ROOT / part).rglob("*.py")}


def imports(module: str, *, top_level: bool = False) -> set[str]:
    """Return what a module imports, our own modules by their full name and others by their package."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{name.name}" if f"{node.module}.{name.name}" in FILES else str(node.module) for name in node.names}
    return {name if name in FILES else name.split(".")[0] for name in found}


def reached(start: set[str]) -> set[str]:
    """Return all that these modules import, directly or not, at the top or in a function."""
    seen: set[str] = set()
    while todo := start - seen:
        seen |= todo
        start = {name for module in todo if module in FILES for name in imports(module)}
    return seen


def test_the_service_imports_only_the_shared_part_of_models() -> None:
    used = {name for module in FILES if module.startswith("service") for name in imports(module) if name.split(".")[0] == "models"}
    assert used <= SHARED | {"models"}


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.startswith("service") or name in SHARED or name == "models.quantize"))
def test_what_runs_in_every_image_needs_no_build_time_library(module: str) -> None:
    assert not reached({module}) & BUILD_TIME


def test_importing_the_shared_part_loads_nothing_heavy() -> None:
    code = f"import sys, {', '.join(sorted(SHARED))}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    assert "onnxruntime" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.startswith("loadtest")))
def test_the_load_test_knows_neither_models_nor_service(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & ({"models", "service"} | BUILD_TIME)


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.startswith("models")))
def test_models_know_neither_service_nor_load_test(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & {"service", "loadtest"}


def test_no_import_cycle() -> None:
    graph = {module: imports(module, top_level=True) & set(FILES) for module in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)


def test_packages_are_empty_shells() -> None:
    bodies = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items() if path.name == "__init__.py"}
    assert [name for name, tree in bodies.items() if len(tree.body) > (ast.get_docstring(tree) is not None)] == []


def room(module: str) -> str:
    """Return the folder that a module lies in."""
    return module.rpartition(".")[0]


@pytest.mark.parametrize("module", sorted(name for name in FILES if room(name) in RULES))
def test_a_room_imports_what_the_table_lets_it(module: str) -> None:
    own = room(module)
    used = {room(name) for name in imports(module) if name in FILES and name.split(".")[0] == own.split(".")[0]}
    assert used <= RULES[own] | {own}


def test_every_room_says_what_it_is_for_and_has_a_rule() -> None:
    rooms = {room(name): path for name, path in FILES.items() if path.name == "__init__.py" and name.count(".") == 2}
    assert set(rooms) == set(RULES)
    for name, path in rooms.items():
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert said.replace("\n", " ").count(". ") + said.endswith(".") == 2, f"{name} does not say in two sentences what it is for"
