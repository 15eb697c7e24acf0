"""The points at which every server is measured: how many texts a request has, over how many connections."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.errors import LoadTestError

LARGE_TEXTS = 1000
LARGE = "large"  # what the large requests of `beside` came to, which is no point of its own


@dataclass(frozen=True, slots=True)
class Point:
    """A load; `close`: a new connection for every request; `large`: connections that send large requests meanwhile."""

    says: str
    texts: int
    connections: int
    close: bool = False
    large: int = 0


def _several(texts: int, says: str) -> dict[str, Point]:
    return {
        f"{texts}x{count}": Point(f"{says} a request, {count} connection{'s' * (count > 1)}", texts, count)
        for count in (1, 8, 32, 128)
    }


POINTS = {
    **_several(1, "one text"),
    **_several(32, "32 texts"),
    "new": Point("one text a request, 8 connections, each new", 1, 8, close=True),
    "alone": Point("one text a request, 4 connections", 1, 4),
    "beside": Point(f"one text a request, 4 connections, beside 2 with {LARGE_TEXTS:,} texts a request", 1, 4, large=2),
}
SAYS = {
    **{name: point.says for name, point in POINTS.items()},
    LARGE: f"the requests of {LARGE_TEXTS:,} texts beside them",
}


def choose(names: Sequence[str]) -> dict[str, Point]:
    """Return points by name (LoadTestError for one that there is not)."""
    for name in names:
        if name not in POINTS:
            raise LoadTestError(f"there is no point '{name}'; expected some of {', '.join(POINTS)}")
    return {name: POINTS[name] for name in names}
