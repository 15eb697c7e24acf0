"""Count what a newcomer has to hold in mind: files, rooms, imports between them, and how high they are stacked.

python -m tests.arrows [FOLDER]      # of this tree, or of another checkout
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

PARTS = ("models", "service", "loadtest")


def imports(root: Path) -> dict[str, set[str]]:
    """Return which of our modules each of them imports, at the top or in a function."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for part in PARTS
        for path in (root / part).rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for name, path in files.items():
        if path.name in ("__init__.py", "__main__.py"):
            continue
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {one.name for one in node.names} & set(files)
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = {f"{node.module}.{one.name}" for one in node.names} & set(files)
                found[name] |= full or ({node.module} & set(files))
        found[name].discard(name)
    return found


def floors(graph: dict[str, set[str]]) -> int:
    """Return the length of the longest chain of imports."""
    height: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        height[name] = 1 + max((height[below] for below in graph.get(name, ())), default=0)
    return max(height.values(), default=0)


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which rooms each room imports from; what lies in no room, as commands do, counts as itself."""

    def room(name: str) -> str:
        return name.rpartition(".")[0] if name.count(".") > 1 else name

    found: dict[str, set[str]] = {}
    for name, used in graph.items():
        found.setdefault(room(name), set()).update(room(other) for other in used)
    return {own: used - {own} for own, used in found.items()}


def main() -> None:
    """Print one line for each part: files and their arrows and floors, rooms and theirs."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    graph = imports(root)
    for part in PARTS:
        files = {
            name: {other for other in used if other.startswith(f"{part}.")}
            for name, used in graph.items()
            if name.startswith(f"{part}.")
        }
        folders = rooms(files)
        counts = [
            f"{len(one)} {what}, {sum(map(len, one.values()))} arrows, {floors(one)} floors"
            for what, one in (("files", files), ("rooms", folders))
        ]
        print(f"{part}: {'; '.join(counts)}")


if __name__ == "__main__":
    main()
