"""Server's rounds settle the rate that the search found: one whose rounds have too many answers above the limit is given up for a lower one."""

from typing import Any

from loadtest.percentiles import interval, share_above
from loadtest.probe import FEWEST, LIMIT_SHARE
from loadtest.recording import merged

CONFIRMED_SHARE = 0.9  # of the rate that the search found: the search takes the luckiest rate, and at the edge p99 rises steeply
STEP_DOWN = 0.8
TOO_MUCH = 2 * LIMIT_SHARE  # of all answers at a rate: the rounds that are left would not bring them back under the limit


def too_slow_alone(stream: list[dict[str, Any]], limit_ms: float) -> float | None:
    """Return the p99 of one request after another, in ms, where its interval lies above the limit: then no rate can keep it."""
    bounds = interval(merged(one["histogram"] for one in stream), 99.0)
    return bounds[0] if bounds and bounds[0] > limit_ms else None


def given_up(server: dict[str, Any], one: dict[str, Any], rounds_left: int) -> bool:
    """Give up the rate if this round, with those before it, says so and rounds are left for a lower one."""
    rounds = [*server["rounds"], one]
    share = share_above(merged(each["histogram"] for each in rounds), server["limit_ms"])
    enough = sum(each["requests"] for each in rounds) >= FEWEST
    if not rounds_left or not enough or share <= TOO_MUCH:
        return False
    server["given_up"].append({"rate": server["rate"], "rounds": len(rounds), "share_above_limit": round(share, 5)})
    server |= {"rate": round(STEP_DOWN * server["rate"], 3), "rounds": []}
    return True
