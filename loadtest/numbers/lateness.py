"""How late the generator sent: of an open loop's requests, those that left after their intended start though a
connection was free.
"""

from collections.abc import Sequence

from loadtest.numbers.percentiles import share_above
from loadtest.numbers.recording import Measurement, merged

LATE_MS, LATE_SHARE = 1.0, 0.01


def late_share(rounds: Sequence[Measurement]) -> float:
    """Return the share of an open loop's requests that the generator sent more than 1 ms late, though a connection was
    free.
    """
    lateness = merged(one.lateness for one in rounds if one.lateness)
    starts = lateness.get_total_count() + sum(one.no_connection for one in rounds)
    return share_above(lateness, LATE_MS) * lateness.get_total_count() / starts if starts else 0.0


def sent_late(rounds: Sequence[Measurement]) -> bool:
    """Say whether the generator, by what it sent late, was the bottleneck."""
    return late_share(rounds) > LATE_SHARE
