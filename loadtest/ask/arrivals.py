"""When requests are meant to start in an open loop: a Poisson process, evenly or in bursts, that no slow answer holds
back.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from loadtest.errors import LoadTestError

MOST_CONNECTIONS = 256  # of one open loop: as many requests are out at most, the rest wait in the generator


@dataclass(frozen=True, slots=True)
class Bursts:
    """In every `every` seconds, `seconds` of them have `factor` times the rate of the rest; the mean rate stays what
    was asked for.
    """

    factor: float
    seconds: float
    every: float

    @classmethod
    def parse(cls, text: str) -> "Bursts | None":
        """Read FACTOR,SECONDS,EVERY; nothing given means no bursts."""
        if not text:
            return None
        try:
            factor, seconds, every = (float(part) for part in text.split(","))
        except ValueError:
            factor = seconds = every = 0.0
        if not (1 <= factor < inf and 0 < seconds < every < inf):
            raise LoadTestError(
                f"bursts '{text}' cannot be read; expected FACTOR,SECONDS,EVERY like 5,1,10 for a fivefold rate in 1 "
                "s of every 10"
            )
        return cls(factor, seconds, every)


def arrivals(rate: float, seed: str, bursts: Bursts | None = None) -> Iterator[float]:
    """Yield the seconds, counted from the start, at which requests are meant to be sent, for ever."""
    drawn = random.Random(f"arrivals {seed}")
    moment = 0.0
    while True:
        moment += drawn.expovariate(rate)
        yield moment if bursts is None else _stretched(moment, bursts)


def _stretched(moment: float, bursts: Bursts) -> float:
    """Map a moment of an even process onto the clock on which bursts run faster: each cycle begins with its burst."""
    share = bursts.factor * bursts.seconds / (bursts.factor * bursts.seconds + bursts.every - bursts.seconds)
    cycle, within = divmod(moment / bursts.every, 1.0)
    if within < share:
        return cycle * bursts.every + within / share * bursts.seconds
    return cycle * bursts.every + bursts.seconds + (within - share) / (1 - share) * (bursts.every - bursts.seconds)
