"""The order of a run: every scenario's turns, and after them the rounds that are measured again because the generator
was slowed in them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from loadtest.numbers.result import Result, Round
from loadtest.numbers.slowed import factor, is_calmer_again, is_slowed, swapped
from loadtest.scenarios.plan import REPEAT_PASSES, Plan, Turn, repeats
from loadtest.scenarios.registry import BY_NAME
from loadtest.scenarios.scenario import Scenario

Unit = list[Turn]  # what is compared with one another, and so is measured again together


def turns(plan: Plan, variants: Sequence[str], baseline: str) -> list[Turn]:
    """Return all turns in order."""
    return [turn for name in plan.scenarios for turn in BY_NAME[name].turns(plan, variants, baseline)]


def with_repeats(planned: Sequence[Turn], result: Result) -> Iterator[Turn]:
    """Yield the planned turns and, after the last of each scenario, the rounds of it that are to be measured again."""
    for name, those in groupby(planned, key=lambda turn: turn.scenario):
        taken = list(those)
        yield from taken
        units = _units([turn for turn in taken if not turn.step], BY_NAME[name])
        for _ in range(REPEAT_PASSES if BY_NAME[name].repeated else 0):
            for unit in _worst(units, result):
                yield from (replace(turn, again=True) for turn in unit)
                _keep_the_calmer(unit, result)


def _units(taken: Sequence[Turn], scenario: Scenario) -> list[Unit]:
    """Return whole rounds where times are compared within them, or else the single turns."""
    if not scenario.has_ratio:
        return [[turn] for turn in taken]
    return [list(those) for _, those in groupby(taken, key=lambda turn: turn.round)]


def _worst(units: Sequence[Unit], result: Result) -> list[Unit]:
    found: list[tuple[float, Unit]] = []
    for unit in units:
        slowed = [factor(one, rounds) for one, rounds in _measured(unit, result) if is_slowed(one, rounds)]
        found += [(max(slowed), unit)] if slowed else []
    found.sort(key=lambda pair: -pair[0])
    return [unit for _, unit in found[: repeats(len(units))]]


def _keep_the_calmer(unit: Unit, result: Result) -> None:
    measured = _measured(unit, result)
    if is_calmer_again(measured):
        for one, rounds in measured:
            rounds[rounds.index(one)] = swapped(one)


def _measured(unit: Unit, result: Result) -> list[tuple[Round, list[Round]]]:
    """Return a unit's measurements, each with the list that keeps it; those that were given up are in none."""
    kept = ((turn, result.rounds_at(turn.scenario, turn.variant, there=turn.there)) for turn in unit)
    return [(one, rounds) for turn, rounds in kept for one in rounds if one.round == turn.round]
