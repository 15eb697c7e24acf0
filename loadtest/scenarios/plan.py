"""What was asked for, and in which order it is measured: every variant once a round, and each round starts one variant
later.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from loadtest.errors import LoadTestError
from loadtest.numbers.result import CONTROL

# seconds for the measurements of --quick with their repeats, which is promised to end within 90 with start and report
QUICK_BUDGET = 67.0
# so often slowed rounds are measured again at most, and each time so large a share of a scenario's, the worst first
REPEAT_PASSES, REPEAT_SHARE = 2, 0.1
BETWEEN = 0.25  # seconds from one measurement to the next
SHORTEST_TURN = 0.1
LONGEST_TURN = 4.0
WARM_UP_SHARE = 0.2


@dataclass(frozen=True)
class Plan:
    """What the command line chose: the scenarios by name, and in `options` what each of them was told besides."""

    scenarios: tuple[str, ...]
    rounds: int
    warm_up: float
    seconds: float
    timeout: float
    seed: int
    control: bool
    against: bool
    options: Namespace = field(default_factory=Namespace)


@dataclass(frozen=True)
class Turn:
    """One step of a run: a measurement, here or at the service that it is compared with; `again` replaces a round.

    `step` names what a scenario does before its rounds, such as the search for a rate.
    """

    scenario: str
    round: int
    place: int
    variant: str
    there: bool = False
    again: bool = False
    step: str = ""

    def __str__(self) -> str:
        number = f"round {self.round}, " if self.round else ""
        where = " at the other service" if self.there else ""
        return f"{self.step or self.scenario}, {number}{self.variant}{where}{', again' if self.again else ''}"


def in_rounds(scenario: str, plan: Plan, names: Sequence[str], rounds: int) -> list[Turn]:
    """Return a scenario's turns: every name once a round, each round starting one name later.

    Of two services each has every variant right after the other, and the first word in every second round.
    """
    found = []
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


def repeats(units: int) -> int:
    """Return how many of so many rounds are measured again at most, in one pass."""
    return max(1, round(REPEAT_SHARE * units))


def quick_turn(variants: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of warm-up and of measurement that let --quick end in time, however many variants there
    are.
    """
    at_most = rounds + REPEAT_PASSES * repeats(rounds)
    turn = min(QUICK_BUDGET / (variants * at_most) - BETWEEN, LONGEST_TURN)
    if turn < SHORTEST_TURN:
        raise LoadTestError(
            f"--quick has no time for {variants * rounds} measurements; expected fewer --variants or --rounds, or no "
            "--quick"
        )
    return WARM_UP_SHARE * turn, (1 - WARM_UP_SHARE) * turn
