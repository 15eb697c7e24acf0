"""The order and length of measurements: every variant once a round, and each round starts one variant later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadtest.errors import LoadTestError
from loadtest.result import CONTROL
from loadtest.summary import MIX, OFFLINE, RAMP, SERVER, SINGLE_STREAM

ALL = (SINGLE_STREAM, SERVER, OFFLINE, RAMP)
PAIRED = (SINGLE_STREAM, OFFLINE)  # whose rounds of two services are compared one by one
LIMIT, SEARCH = "limit", "search"  # of Server: steps of their own, before its rounds
RAMP_SHARES = (0.1, 0.3, 0.5, 0.7, 0.85, 1.0, 1.15)  # of the rate that the search found

QUICK_BUDGET = 56.0  # seconds for the planned measurements of --quick, which is promised to end within 90 with its start, repeats and report
BETWEEN = 0.25  # seconds from one measurement to the next
SHORTEST_TURN = 0.1
LONGEST_TURN = 4.0
WARM_UP_SHARE = 0.2


@dataclass(frozen=True)
class Plan:
    """What the command line chose."""

    scenarios: tuple[str, ...]
    rounds: int
    warm_up: float
    seconds: float
    timeout: float
    seed: int
    offline_texts: int
    offline_users: int
    control: bool
    mix: dict[str, float]
    rate: float
    p99_limit: float | None
    against: bool


@dataclass(frozen=True)
class Turn:
    """One step of a run: a measurement, here or at the service that it is compared with, or the search for a rate or a limit; `again` replaces a round."""

    scenario: str
    round: int
    place: int
    variant: str
    there: bool = False
    again: bool = False

    def __str__(self) -> str:
        number = f"round {self.round}, " if self.round else ""
        return f"{self.scenario}, {number}{self.variant}{' at the other service' if self.there else ''}{', again' if self.again else ''}"


def turns(plan: Plan, variants: list[str], baseline: str) -> list[Turn]:
    """Return all steps in order: every variant once a round, each round starting one variant later, and the control beside the baseline.

    Of two services each has every variant right after the other, and the first word in every second round.
    """
    found = []
    for scenario in plan.scenarios:
        names = [*variants, CONTROL] if plan.control and scenario == SINGLE_STREAM else variants
        names = [baseline] if scenario == MIX else names
        if scenario == SERVER:
            found += [Turn(LIMIT, 0, 1, baseline)] if plan.p99_limit is None else []
            found += [Turn(SEARCH, 0, place, name) for place, name in enumerate(variants, 1)]
        rounds = len(RAMP_SHARES) if scenario == RAMP else plan.rounds
        for number, order in enumerate(rotated(names, rounds), 1):
            for place, name in enumerate(order, 1):
                here = Turn(scenario, number, place, name)
                both = [here, replace(here, there=True)] if plan.against and name != CONTROL else [here]
                found += both if number % 2 else both[::-1]
    return found


def rotated(variants: Sequence[str], rounds: int) -> list[list[str]]:
    """Return the variants' order for each round, so that no variant always runs first."""
    turns = [shift % len(variants) for shift in range(rounds)]
    return [[*variants[turn:], *variants[:turn]] for turn in turns]


def quick_turn(variants: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of warm-up and of measurement that let --quick end in time, however many variants there are."""
    turn = min(QUICK_BUDGET / (variants * rounds) - BETWEEN, LONGEST_TURN)
    if turn < SHORTEST_TURN:
        raise LoadTestError(f"--quick has no time for {variants * rounds} measurements; expected fewer --variants or --rounds, or no --quick")
    return WARM_UP_SHARE * turn, (1 - WARM_UP_SHARE) * turn
