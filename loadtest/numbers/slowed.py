"""Rounds in which the generator itself was slowed down: its CPU time a request, always for the same work, is out of
line with the variant's other rounds.

On shared machines such rounds come in spells, and the service is slow in them too: they are measured again after the
scenario's last round. Which of the two is kept the generator's CPU time decides, never the service's answers; the other
stays in result.json with the reason.
"""

from collections.abc import Sequence

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


def calmer(kept: Round, again: Round, rounds: Sequence[Round]) -> Round:
    """Return whichever of a round and its repeat cost the generator less, with the other inside it."""
    why = (
        f"measured again: the generator's CPU time a request was {factor(kept, rounds):.1f} times the lowest of "
        "this variant's rounds"
    )
    better, other = (again, kept) if (cpu_time(again) or 0.0) < (cpu_time(kept) or 0.0) else (kept, again)
    repeat = Repeat(why=why, **other.model_dump(exclude={"repeats"}))
    return better.model_copy(update={"repeats": [*kept.repeats, repeat]})


def cpu_time(one: Measurement) -> float | None:
    """Return the generator's CPU time a request in µs."""
    share = one.generator.cpu_share
    return 1e6 * share * one.seconds / one.requests if share and one.requests >= FEWEST else None
