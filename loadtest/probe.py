"""One try of a rate in the search for the highest: whether the rate was sustained, and when a failure is worth a second try."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtest.percentiles import share_above
from loadtest.recording import merged

CLEAR_OVERLOAD = 0.03  # of the answers above the limit: no hiccup of the machine, which a second try could show


@dataclass(frozen=True)
class Probe:
    """What a try said of its rate."""

    passed: bool
    share_above: float


def judged(one: dict[str, Any], limit_ms: float) -> Probe:
    """Judge a measurement at a rate by the limit on its p99."""
    above = share_above(merged([one["histogram"]]), limit_ms)
    return Probe(above <= max(0.01, 1 / max(one["requests"], 1)) and not one["failures"], above)  # one of fewer than a hundred proves no p99


def sustained(rate: float, probe: Callable[[float], Probe | None]) -> bool | None:
    """Say whether a rate passes one of two tries: an overloaded service fails each time, a machine that hiccups does not; None where a try was cut short."""
    once = probe(rate)
    if once is not None and not once.passed and once.share_above <= CLEAR_OVERLOAD:
        once = probe(rate)
    return None if once is None else once.passed
