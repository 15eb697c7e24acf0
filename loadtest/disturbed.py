"""Rounds in which the generator itself was slowed down: its CPU time a request, always for the same work, is out of line with the variant's other rounds.

On shared machines such rounds come in spells, and the service is slow in them too: they are measured again after the scenario's last round. Which of the two
is kept the generator's CPU time decides, never the service's answers; the other stays in result.json with the reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from loadtest.probe import FEWEST
from loadtest.result import Result, rounds_at
from loadtest.schedule import Turn
from loadtest.summary import SERVER, SINGLE_STREAM

OUT_OF_LINE = 1.5  # times the lowest of the variant's rounds; seen in such spells: 1.6 to 3.3, otherwise up to 1.4
PASSES, SHARE = 2, 0.1  # so often at most, and each time so many of a scenario's rounds, the worst first


def with_repeats(planned: Sequence[Turn], result: Result) -> Iterator[Turn]:
    """Yield the planned turns and, after the last of each scenario, the rounds of it that are to be measured again."""
    for scenario, those in groupby(planned, key=lambda turn: turn.scenario):
        taken = list(those)
        yield from taken
        for _ in range(PASSES if scenario in (SINGLE_STREAM, SERVER) else 0):
            yield from _worst(taken, result)


def factor(one: dict[str, Any], rounds: Sequence[dict[str, Any]]) -> float:
    """Return how many times the lowest generator CPU time a request among `rounds` this one has; 1 where too few requests tell."""
    mine, known = cpu_time(one), [time for each in rounds if (time := cpu_time(each))]
    return mine / min(known) if mine and known else 1.0


def is_disturbed(one: dict[str, Any], rounds: Sequence[dict[str, Any]]) -> bool:
    """Say whether a round is out of line."""
    return factor(one, rounds) > OUT_OF_LINE


def calmer(kept: dict[str, Any], again: dict[str, Any], rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return whichever of a round and its repeat cost the generator less, with the other inside it."""
    why = f"measured again: the generator's CPU time a request was {factor(kept, rounds):.1f} times the lowest of this variant's rounds"
    earlier = kept.pop("repeats", [])
    better, other = (again, kept) if (cpu_time(again) or 0.0) < (cpu_time(kept) or 0.0) else (kept, again)
    return {**better, "repeats": [*earlier, {"why": why, **other}]}


def cpu_time(one: dict[str, Any]) -> float | None:
    """Return the generator's CPU time a request in µs."""
    share = one["generator"].get("cpu_share")
    return 1e6 * share * one["seconds"] / one["requests"] if share and one["requests"] >= FEWEST else None


def _worst(taken: Sequence[Turn], result: Result) -> list[Turn]:
    found: list[tuple[float, Turn]] = []
    for turn in taken:
        rounds = rounds_at(result, turn.scenario, turn.variant, there=turn.there)
        found += [(factor(one, rounds), turn) for one in rounds if one["round"] == turn.round and is_disturbed(one, rounds)]
    found.sort(key=lambda pair: -pair[0])
    return [replace(turn, again=True) for _, turn in found[: max(1, round(SHARE * len(taken)))]]
