"""Imports point one way: rooms import what the table lets them, the load test knows nothing of the rest, nothing runs
in circles.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TORCH = {"torch", "transformers", "optimum"}
BUILD_TIME = TORCH | {"datasets"}
HEAVY = BUILD_TIME | {"sentence_transformers", "sklearn", "scipy"}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for part in ("models", "service", "loadtest")
    for path in (ROOT / part).rglob("*.py")
}
# What a room may import besides itself.
UP_TO_DATA = {"models.runtime", "models.recipe", "models.data"}
UP_TO_PLAN = UP_TO_DATA | {"models.plan"}
UP_TO_TRAIN = UP_TO_PLAN | {"models.train"}
UP_TO_GRAPH = UP_TO_TRAIN | {"models.graph"}
UP_TO_PASSES = UP_TO_GRAPH | {"models.passes"}
UP_TO_PROVE = UP_TO_PLAN | {"models.prove"}
RULES: dict[str, set[str]] = {
    "models.runtime": set(),
    "models.recipe": {"models.runtime"},
    "models.data": {"models.runtime", "models.recipe"},
    "models.plan": UP_TO_DATA,
    "models.train": UP_TO_PLAN,
    "models.graph": UP_TO_TRAIN,
    "models.passes": UP_TO_GRAPH,
    "models.prove": UP_TO_PLAN,
    "models.report": UP_TO_PROVE,
    "models.bench": UP_TO_PASSES | UP_TO_PROVE | {"models.predict"},
    "models.predict": UP_TO_DATA,
    "models.figures": UP_TO_PASSES | UP_TO_PROVE | {"models.report", "models.bench"},
    "models.build": UP_TO_PASSES | UP_TO_PROVE | {"models.report"},
    "service.evidence": set(),
    "service.image": {"models.runtime"},
    "service.variants": {"models.runtime"},
    "service.keys": {"models.runtime"},
    "service.builds": {"models.recipe", "models.runtime"},
    "service.store": {"models.runtime"},
    "service.experiments": {"service.evidence", "service.store", "models.runtime"},
    "service.routes": {
        "service.builds",
        "service.variants",
        "service.experiments",
        "service.store",
        "service.keys",
        "models.runtime",
    },
    "service.serving": {
        "service.routes",
        "service.builds",
        "service.variants",
        "service.experiments",
        "service.store",
        "service.keys",
        "models.runtime",
    },
    "loadtest.ask": set(),
    "loadtest.numbers": {"loadtest.ask"},
    "loadtest.search": {"loadtest.numbers"},
    "loadtest.scenarios": {"loadtest.ask", "loadtest.numbers", "loadtest.search"},
    "loadtest.figures": {"loadtest.numbers", "loadtest.scenarios"},
    "loadtest.show": {"loadtest.numbers", "loadtest.search", "loadtest.scenarios", "loadtest.figures"},
    "loadtest.users": {"loadtest.ask", "loadtest.numbers"},
    "loadtest.measurement": {"loadtest.ask", "loadtest.numbers", "loadtest.scenarios", "loadtest.users"},
    "loadtest.checks": {
        f"loadtest.{name}" for name in ("ask", "numbers", "search", "scenarios", "figures", "users", "measurement")
    },
    "loadtest.serving": {f"loadtest.{name}" for name in ("ask", "numbers", "scenarios", "figures", "measurement")},
    # Servers that the load test starts as processes, and whose work is the predictor's: no other room imports them.
    "loadtest.peers": {"models.runtime"},
}
FOR_ALL = {"loadtest.errors"}  # lies in no room
NO_LOCUST = (
    "loadtest.ask",
    "loadtest.numbers",
    "loadtest.search",
    "loadtest.scenarios",
    "loadtest.figures",
    "loadtest.show",
    "loadtest.serving",
)
TORCH_FREE = (
    "models.runtime",
    "models.recipe",
    "models.data",
    "models.plan",
    "models.prove",
    "models.report",
    "models.predict",
    "models.passes.quantize",
    "models.passes.trim",
    "models.graph.taken",
    "models.build.addition",
    "models.build.finishing",
    *(f"models.figures.{name}" for name in ("gains", "generalization", "quantization", "softened")),
)
SCIPY_FREE = ("models.data", "models.plan", "models.prove", "models.report.table", "models.build.builder")


def imports(module: str, *, top_level: bool = False) -> set[str]:
    """Return what a module imports, our own modules by their full name and others by their package."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {
                f"{node.module}.{name.name}" if f"{node.module}.{name.name}" in FILES else str(node.module)
                for name in node.names
            }
    return {name if name in FILES else name.split(".")[0] for name in found}


def reached(start: set[str]) -> set[str]:
    """Return all that these modules import, directly or not, at the top or in a function."""
    seen: set[str] = set()
    while todo := start - seen:
        seen |= todo
        start = {name for module in todo if module in FILES for name in imports(module)}
    return seen


def room(module: str) -> str:
    """Return the folder that a module lies in."""
    return module.rpartition(".")[0]


def below(place: str) -> list[str]:
    """Return the modules of a room, or the one of this name."""
    return sorted(name for name in FILES if name == place or name.startswith(f"{place}."))


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.rpartition(".")[0] in RULES))
def test_a_room_imports_what_the_table_lets_it(module: str) -> None:
    own = room(module)
    used = {room(name) for name in imports(module) if name in FILES and name not in FOR_ALL}
    assert used <= RULES[own] | {own}


def test_every_room_says_what_it_is_for_and_has_a_rule() -> None:
    rooms = {name: path for name, path in FILES.items() if path.name == "__init__.py" and name.count(".") == 2}
    assert {name.rpartition(".")[0] for name in rooms} == set(RULES)
    for name, path in rooms.items():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{name} holds more than a docstring"
        said = " ".join(ast.literal_eval(body[0].value).split())
        assert said.count(". ") + said.endswith(".") == 2, f"{name} does not say in two sentences what it is for"


def test_the_service_imports_the_runtime_and_what_recipes_are_read_with() -> None:
    used = {name for module in below("service") for name in imports(module) if name.split(".")[0] == "models"}
    assert {room(name) for name in used} <= {"models.runtime", "models.recipe"}


@pytest.mark.parametrize("module", [module for place in TORCH_FREE for module in below(place)])
def test_what_needs_no_torch_never_reaches_it(module: str) -> None:
    assert not reached({module}) & TORCH


@pytest.mark.parametrize("module", [module for place in SCIPY_FREE for module in below(place)])
def test_what_judges_in_every_image_needs_no_scipy(module: str) -> None:
    assert not reached({module}) & {"scipy", "sklearn"}


@pytest.mark.parametrize("module", [*below("service"), *below("models.runtime")])
def test_what_runs_in_every_image_needs_no_build_time_library(module: str) -> None:
    assert not reached({module}) & BUILD_TIME


def test_importing_the_runtime_loads_nothing_heavy() -> None:
    modules = ", ".join(below("models.runtime")).replace(".__init__", "")
    code = f"import sys, {modules}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=600
    ).stdout.split()
    assert "onnxruntime" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("module", below("loadtest"))
def test_the_load_test_knows_neither_models_nor_service(module: str) -> None:
    allowed = set(below("models.runtime")) if room(module) == "loadtest.peers" else set()
    used = {name for name in imports(module) if name not in allowed}
    assert not {name.split(".")[0] for name in used} & ({"models", "service"} | BUILD_TIME)


@pytest.mark.parametrize("module", below("models"))
def test_models_know_neither_service_nor_load_test(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & {"service", "loadtest"}


def test_no_import_cycle() -> None:
    graph = {module: imports(module, top_level=True) & set(FILES) for module in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)


@pytest.mark.parametrize("module", [module for place in NO_LOCUST for module in below(place)])
def test_what_reads_files_needs_no_locust(module: str) -> None:
    assert not reached({module}) & {"locust", "gevent"}
