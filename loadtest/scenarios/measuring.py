"""From a turn to what result.json keeps of it: measured at the right service, counted as the right variant's, in the
place of the round that it replaces.
"""

from collections.abc import Sequence

from loadtest.ask.answer import DROPPED, LATE
from loadtest.numbers.recording import Measurement
from loadtest.numbers.result import CONTROL, Result, Round, Variant
from loadtest.numbers.slowed import with_repeat
from loadtest.scenarios.load import Bench, Load
from loadtest.scenarios.plan import Plan, Turn

OVERLOAD = (LATE, DROPPED, "4xx", "5xx")  # what a service may do when it is asked for more than it can


def seed(plan: Plan, turn: Turn) -> str:
    """Return the seed of a round's texts and arrivals, the same for every variant."""
    return f"{plan.seed}.{turn.round}"


def measured(turn: Turn, bench: Bench, result: Result, load: Load, seed: str) -> Round | None:
    """Measure a turn's variant alone; None when it was cut short."""
    name = _name(result, turn)
    version = result.side(there=turn.there)[name].version
    # The corpus holds what this version says: of another one at the other service no label is known.
    asked = bench.at_the_other_service(labels=version == result.variants[name].version) if turn.there else bench
    found = asked.measure({name: 1.0}, {name: version}, load, seed)
    return None if found is None else as_round(turn, found[name])


def as_round(turn: Turn, one: Measurement) -> Round:
    """Return a measurement as the turn's round."""
    return Round(round=turn.round, place=turn.place, **one.model_dump())


def keep(result: Result, turn: Turn, one: Round, excused: Sequence[str] = ()) -> int:
    """Keep a round, a repeat inside the one that it repeats, and return its right answers."""
    variant = result.side(there=turn.there)[_name(result, turn)]
    count(variant, one, excused)
    variant.batch_flips += one.batch_flips
    rounds = result.rounds_at(turn.scenario, turn.variant, there=turn.there)
    if turn.again:
        (place,) = (place for place, known in enumerate(rounds) if known.round == turn.round)
        rounds[place] = with_repeat(rounds[place], one, rounds)
    else:
        rounds.append(one)
    return one.right


def count(variant: Variant, one: Measurement, excused: Sequence[str]) -> None:
    """Count failures as the variant's, but for those that the load excuses; all of them stand in the round."""
    for kind, times in one.failures.items():
        if kind not in excused:
            variant.failures[kind] = variant.failures.get(kind, 0) + times
            variant.failure_examples.setdefault(kind, one.failure_examples[kind])


def _name(result: Result, turn: Turn) -> str:
    return result.run.baseline if turn.variant == CONTROL else turn.variant
