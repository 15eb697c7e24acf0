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
SHARED = {"models.card", "models.classifier", "models.errors", "models.loading", "models.store", "models.tokenization"}
# A room, and the rooms that it may import besides itself and its package's errors. Commands lie in no room, and may import all.
ROOMS: dict[str, set[str]] = {
    "loadtest.ask": set(),
    "loadtest.numbers": {"loadtest.ask"},
    "loadtest.search": {"loadtest.numbers"},
    "loadtest.scenarios": {"loadtest.ask", "loadtest.numbers", "loadtest.search"},
    "loadtest.figures": {"loadtest.numbers", "loadtest.scenarios"},
    "loadtest.show": {"loadtest.numbers", "loadtest.search", "loadtest.scenarios", "loadtest.figures"},
    "loadtest.users": {"loadtest.ask", "loadtest.numbers"},
    "loadtest.measurement": {"loadtest.ask", "loadtest.numbers", "loadtest.scenarios", "loadtest.users"},
    "loadtest.checks": {f"loadtest.{room}" for room in ("ask", "numbers", "search", "scenarios", "figures", "users", "measurement")},
}
NO_LOCUST = {"loadtest.ask", "loadtest.numbers", "loadtest.search", "loadtest.scenarios", "loadtest.figures", "loadtest.show"}
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


def test_packages_are_empty_shells_but_for_what_a_room_is_for() -> None:
    for path in (path for path in FILES.values() if path.name == "__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        room = ".".join(path.parent.relative_to(ROOT).parts) in ROOMS
        assert [type(node) for node in tree.body] == ([ast.Expr] if room else []), path
        assert bool(ast.get_docstring(tree)) is room


def room_of(module: str) -> str:
    return module.rpartition(".")[0]


def test_every_folder_of_the_load_test_is_a_room() -> None:
    assert {room_of(module) for module in FILES if module.startswith("loadtest.")} - {"loadtest"} == {room for room in ROOMS if room.startswith("loadtest.")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_rule_allows(room: str) -> None:
    errors = f"{room.split('.')[0]}.errors"
    for module in (module for module in FILES if room_of(module) == room):
        used = {name for name in imports(module) if name in FILES and name != errors}
        assert {room_of(name) for name in used} <= ROOMS[room] | {room}, module


def test_the_rooms_stand_on_one_another_and_not_in_a_circle() -> None:
    assert len(list(TopologicalSorter(ROOMS).static_order())) == len(ROOMS)


@pytest.mark.parametrize("room", sorted(NO_LOCUST))
def test_what_reads_files_needs_no_locust(room: str) -> None:
    assert not reached({module for module in FILES if room_of(module) == room}) & {"locust", "gevent"}
