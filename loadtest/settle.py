"""Server's rounds settle the rate that the search found: a rate is kept when each of them says so, and given up for a lower one when one of them objects."""

from typing import Any

from loadtest.percentiles import BEYOND_IN_A_ROUND, milliseconds, share_above
from loadtest.probe import FEWEST as FEWEST_ANSWERS
from loadtest.probe import LIMIT_SHARE
from loadtest.recording import merged
from loadtest.rounds import FEWEST, over_rounds

CONFIRMED_SHARE = 0.9  # of the rate that the search found: the search takes the luckiest rate, and at the edge p99 rises steeply
STEP_DOWN = 0.8


def kept(rounds: list[dict[str, Any]], limit_ms: float) -> bool | None:
    """Say whether rounds kept the limit on their p99.

    True: each of three rounds at least did, and so does the upper end of the interval over them. False: each broke it. None: they do not decide.
    """
    if len(rounds) < FEWEST:
        return None
    if all(broke(one, limit_ms) for one in rounds):
        return False
    p99s = [time for one in rounds if (time := milliseconds(merged([one["histogram"]]), 99.0, BEYOND_IN_A_ROUND)) is not None]
    if len(p99s) < len(rounds) or any(broke(one, limit_ms) for one in rounds):
        return None
    interval = over_rounds(p99s)
    return True if interval is not None and max(*p99s, interval.high) <= limit_ms else None


def broke(one: dict[str, Any], limit_ms: float) -> bool:
    """Say whether a round contradicts a limit on its p99: more than one answer in a hundred above it, or one that failed."""
    return bool(one["failures"]) or _above(one, limit_ms)


def too_slow_alone(stream: list[dict[str, Any]], limit_ms: float) -> float | None:
    """Return the p99 of one request after another, in ms, where each of three rounds at least is above the limit: then no rate can keep it."""
    if len(stream) < FEWEST or not all(_above(one, limit_ms) for one in stream):
        return None
    return float(merged(one["histogram"] for one in stream).get_value_at_percentile(99.0)) / 1000


def given_up(server: dict[str, Any], one: dict[str, Any], limit_ms: float, rounds_left: int) -> bool:
    """Give up the rate if this round contradicts the limit, and rounds enough are left to confirm a lower one."""
    if rounds_left < FEWEST or not broke(one, limit_ms):
        return False
    rounds = [*server["rounds"], one]
    share = share_above(merged(each["histogram"] for each in rounds), limit_ms)
    server["given_up"].append({"rate": server["rate"], "rounds": len(rounds), "share_above_limit": round(share, 5)})
    server |= {"rate": round(STEP_DOWN * server["rate"], 3), "rounds": []}
    return True


def _above(one: dict[str, Any], limit_ms: float) -> bool:
    return one["requests"] >= FEWEST_ANSWERS and share_above(merged([one["histogram"]]), limit_ms) > LIMIT_SHARE
