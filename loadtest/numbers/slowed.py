"""Rounds in which the generator itself was slowed down: its CPU time a request, always for the same work, is out of
line with the variant's other rounds.

On shared machines such rounds come in spells, and the service is slow in them too: they are measured again after the
scenario's last round, with all that is compared with them within the round: a repeat has drifted from what was measured
long before it. Which of the two is kept, for all of these alike, the generator's CPU time decides, never the service's
answers; the other stays in result.json with the reason.
"""

from collections.abc import Sequence
from math import inf

from loadtest.numbers.recording import Measurement
from loadtest.numbers.result import Repeat, Round

OUT_OF_LINE = 1.5  # times the lowest of the variant's rounds; seen in such spells: 1.6 to 3.3, otherwise up to 1.4
FEWEST = 100  # requests that tell a CPU time


def factor(one: Measurement, rounds: Sequence[Measurement]) -> float:
    """Return how many times the lowest generator CPU time a request among `rounds` this one has; 1 where too few
    requests tell.
    """
    mine, known = cpu_time(one), [time for each in rounds if (time := cpu_time(each))]
    return mine / min(known) if mine and known else 1.0


def is_slowed(one: Measurement, rounds: Sequence[Measurement]) -> bool:
    """Say whether a round is out of line."""
    return factor(one, rounds) > OUT_OF_LINE


def with_repeat(kept: Round, again: Round, rounds: Sequence[Round]) -> Round:
    """Return a round with its repeat, and why there is one, inside it."""
    why = (
        f"measured again: the generator's CPU time a request was {factor(kept, rounds):.1f} times the lowest of "
        "this variant's rounds"
        if is_slowed(kept, rounds)
        else "measured again, as the generator was slowed in another variant's part of this round"
    )
    return kept.model_copy(
        update={"repeats": [*kept.repeats, Repeat(why=why, **again.model_dump(exclude={"repeats"}))]}
    )


def is_calmer_again(measured: Sequence[tuple[Round, Sequence[Round]]]) -> bool:
    """Say whether the last repeats of these rounds, each beside its variant's others, cost the generator less at their
    worst than what is kept; unknown costs more than anything.
    """
    known = [(one, rounds) for one, rounds in measured if cpu_time(one)]
    again = [(one.repeats[-1], rounds) for one, rounds in known]
    worst = max((factor(one, rounds) for one, rounds in known), default=1.0)
    return max((factor(one, rounds) if cpu_time(one) else inf for one, rounds in again), default=inf) < worst


def swapped(one: Round) -> Round:
    """Return a round's last repeat as what is kept, with the other inside it."""
    *earlier, again = one.repeats
    other = Repeat(why=again.why, **one.model_dump(exclude={"repeats"}))
    return Round(**again.model_dump(exclude={"why"}), repeats=[*earlier, other])


def cpu_time(one: Measurement) -> float | None:
    """Return the generator's CPU time a request in µs."""
    share = one.generator.cpu_share
    return 1e6 * share * one.seconds / one.requests if share and one.requests >= FEWEST else None
