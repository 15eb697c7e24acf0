"""The order of a run: every scenario's turns, and after them the rounds that are measured again because the generator
was slowed in them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from loadtest.numbers.result import Result
from loadtest.numbers.slowed import factor, is_slowed
from loadtest.scenarios.plan import Plan, Turn
from loadtest.scenarios.registry import BY_NAME

PASSES, SHARE = (
    2,
    0.1,
)  # so often slowed rounds are measured again at most, and each time so many of a scenario's rounds, the worst first


def turns(plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
    """Return all turns in order."""
    return [turn for name in plan.scenarios for turn in BY_NAME[name].turns(plan, variants, baseline)]


def with_repeats(planned: Sequence[Turn], result: Result) -> Iterator[Turn]:
    """Yield the planned turns and, after the last of each scenario, the rounds of it that are to be measured again."""
    for name, those in groupby(planned, key=lambda turn: turn.scenario):
        taken = list(those)
        yield from taken
        for _ in range(PASSES if BY_NAME[name].repeated else 0):
            yield from _worst([turn for turn in taken if not turn.step], result)


def _worst(taken: Sequence[Turn], result: Result) -> list[Turn]:
    found: list[tuple[float, Turn]] = []
    for turn in taken:
        rounds = result.rounds_at(turn.scenario, turn.variant, there=turn.there)
        found += [(factor(one, rounds), turn) for one in rounds if one.round == turn.round and is_slowed(one, rounds)]
    found.sort(key=lambda pair: -pair[0])
    return [replace(turn, again=True) for _, turn in found[: max(1, round(SHARE * len(taken)))]]
