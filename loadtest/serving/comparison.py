"""What stored rounds say: a server's figure at a point over all rounds, and ratios of two servers within each round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from loadtest.figures.doubts import is_narrow
from loadtest.numbers.intervals import Interval, over_rounds
from loadtest.numbers.percentiles import BEYOND, BEYOND_IN_A_ROUND
from loadtest.serving.result import Figures, Result
from loadtest.serving.servers import AGAIN, OURS

RATE, P50, P99 = "requests/s", "p50", "p99"
FIGURES: dict[str, Callable[[Figures], float | None]] = {  # None where a round says nothing
    RATE: lambda one: one.per_second or None,
    P50: lambda one: one.p50_ms if one.is_timed and one.requests >= BEYOND else None,
    P99: lambda one: one.p99_ms if one.is_timed and one.requests >= 100 * BEYOND_IN_A_ROUND else None,
}


@dataclass(frozen=True, slots=True)
class Over:
    """A figure over rounds: their geometric mean, and its interval where they are two at least."""

    value: float
    interval: Interval | None


def over(values: Sequence[float]) -> Over | None:
    """Return what some rounds' values come to (None of none)."""
    return Over(prod(value ** (1 / len(values)) for value in values), over_rounds(values)) if values else None


def over_known(rounds: Sequence[Figures], figure: str) -> Over | None:
    """Return a figure over those rounds that say it."""
    return over([value for one in rounds if (value := FIGURES[figure](one)) is not None])


def figures(result: Result, server: str, point: str) -> list[Figures]:
    """Return what the rounds have of a server at a point."""
    return [one.servers[server][point] for one in result.rounds if point in one.servers.get(server, {})]


def times_as_good(result: Result, server: str, peer: str, point: str, figure: str) -> Over | None:
    """Return how many times as many requests, or how many times as fast, over the rounds that say it of both."""
    ratios = []
    for one in result.rounds:
        mine, theirs = (one.servers.get(name, {}).get(point) for name in (server, peer))
        if mine and theirs and (ours := FIGURES[figure](mine)) and (other := FIGURES[figure](theirs)):
            ratios.append(ours / other if figure == RATE else other / ours)
    return over(ratios)


def control(result: Result, point: str, figure: str) -> Over | None:
    """Return what comes out when a server is compared with itself."""
    return times_as_good(result, AGAIN, OURS, point, figure)


def is_unsure(found: Over | None) -> bool:
    """Tell whether a control does not show that equal things come out as equal."""
    return found is not None and (found.interval is None or not is_narrow(found.interval))
