"""The order and length of measurements: every variant once a round, and each round starts one variant later."""

from collections.abc import Sequence

QUICK_BUDGET = 65.0  # seconds for all measurements of --quick, which is promised to end within 90 with its start and its report
LONGEST_TURN = 4.0
WARM_UP_SHARE = 0.2


def rotated(variants: Sequence[str], rounds: int) -> list[list[str]]:
    """Return the variants' order for each round, so that no variant always runs first."""
    turns = [shift % len(variants) for shift in range(rounds)]
    return [[*variants[turn:], *variants[:turn]] for turn in turns]


def quick_turn(variants: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of warm-up and of measurement that let --quick end in time, however many variants there are."""
    turn = min(QUICK_BUDGET / (variants * rounds), LONGEST_TURN)
    return WARM_UP_SHARE * turn, (1 - WARM_UP_SHARE) * turn
