"""Server's rounds confirm the rate that the search found when each of them says so, and give it up for a lower one when
one of them objects.
"""

from collections.abc import Sequence

from loadtest.numbers.intervals import FEWEST, over_rounds
from loadtest.numbers.percentiles import BEYOND_IN_A_ROUND, milliseconds, share_above
from loadtest.numbers.recording import Measurement, merged
from loadtest.numbers.result import GivenUp, Measured, Round
from loadtest.numbers.slowed import FEWEST as FEWEST_ANSWERS
from loadtest.search.trial import LIMIT_SHARE

CONFIRMED_SHARE = (
    0.9  # of the rate that the search found: the search takes the luckiest rate, and at the edge p99 rises steeply
)
STEP_DOWN = 0.8


def confirmed(rounds: Sequence[Round], limit_ms: float) -> bool | None:
    """Say whether rounds kept the limit on their p99.

    True: each of three rounds at least did, and so does the upper end of the interval over them. False: each broke it.
    None: they do not decide.
    """
    if len(rounds) < FEWEST:
        return None
    if all(broke(one, limit_ms) for one in rounds):
        return False
    p99s = [
        time for one in rounds if (time := milliseconds(merged([one.histogram]), 99.0, BEYOND_IN_A_ROUND)) is not None
    ]
    if len(p99s) < len(rounds) or any(broke(one, limit_ms) for one in rounds):
        return None
    interval = over_rounds(p99s)
    return True if interval is not None and max(*p99s, interval.high) <= limit_ms else None


def broke(one: Measurement, limit_ms: float) -> bool:
    """Say whether a round contradicts a limit on its p99: more than one answer in a hundred above it, or one that
    failed.
    """
    return bool(one.failures) or _above(one, limit_ms)


def too_slow_alone(stream: Sequence[Round], limit_ms: float) -> float | None:
    """Return the p99 of one request after another, in ms, where each of three rounds at least is above the limit: then
    no rate can keep it.
    """
    if len(stream) < FEWEST or not all(_above(one, limit_ms) for one in stream):
        return None
    return float(merged(one.histogram for one in stream).get_value_at_percentile(99.0)) / 1000


def give_up(server: Measured, one: Round, limit_ms: float, rounds_left: int) -> bool:
    """Give up the rate if this round contradicts the limit, and rounds enough are left to confirm a lower one; say
    whether it was.
    """
    if server.rate is None or rounds_left < FEWEST or not broke(one, limit_ms):
        return False
    rounds = [*server.rounds, one]
    share = share_above(merged(each.histogram for each in rounds), limit_ms)
    server.given_up.append(GivenUp(rate=server.rate, rounds=len(rounds), share_above_limit=round(share, 5)))
    server.rate, server.rounds = round(STEP_DOWN * server.rate, 3), []
    return True


def _above(one: Measurement, limit_ms: float) -> bool:
    return one.requests >= FEWEST_ANSWERS and share_above(merged([one.histogram]), limit_ms) > LIMIT_SHARE
