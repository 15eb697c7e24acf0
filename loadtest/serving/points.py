"""The points at which every server is measured: how many texts a request has, over how many connections.

A server is started anew for each group of points, which goes from little load to much: what adapts to its load, as
adaptive batching does, would else bring what it learned at the last point to one that it does not fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from loadtest.errors import LoadTestError

LARGE_TEXTS = 1000
LARGE = "large"  # what the large requests of `beside` came to, which is no point of its own


@dataclass(frozen=True, slots=True)
class Point:
    """A load; `close`: a new connection for every request; `large`: connections that send large requests meanwhile."""

    group: str
    says: str
    texts: int
    connections: int
    close: bool = False
    large: int = 0


def _several(texts: int, says: str) -> dict[str, Point]:
    return {
        f"{texts}x{count}": Point(says, f"{says} a request, {count} connection{'s' * (count > 1)}", texts, count)
        for count in (1, 8, 32, 128)
    }


POINTS = {
    **_several(1, "one text"),
    **_several(32, "32 texts"),
    "new": Point("new", "one text a request, 8 connections, each new", 1, 8, close=True),
    "alone": Point("mixed", "one text a request, 4 connections", 1, 4),
    "beside": Point(
        "mixed", f"one text a request, 4 connections, beside 2 with {LARGE_TEXTS:,} texts a request", 1, 4, large=2
    ),
}
SAYS = {
    **{name: point.says for name, point in POINTS.items()},
    LARGE: f"the requests of {LARGE_TEXTS:,} texts beside them",
}


def choose(names: Sequence[str]) -> dict[str, Point]:
    """Return points by name, in the order in which they are measured (LoadTestError for one that there is not)."""
    for name in names:
        if name not in POINTS:
            raise LoadTestError(f"there is no point '{name}'; expected some of {', '.join(POINTS)}")
    return {name: point for name, point in POINTS.items() if name in names}


def groups(names: Sequence[str]) -> list[list[str]]:
    """Return those points group by group."""
    return [list(members) for _, members in groupby(choose(names), key=lambda name: POINTS[name].group)]
