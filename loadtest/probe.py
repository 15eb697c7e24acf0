"""One try of a rate in the search for the highest: whether the rate was sustained, and when a failure is worth a second try."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtest.percentiles import share_above
from loadtest.recording import merged

CLEAR_OVERLOAD = 0.03  # of the answers above the limit: no hiccup of the machine, which a second try could show
LIMIT_SHARE = 0.01
WISHED, FEWEST = 800, 100  # requests; one above the limit of fewer than a hundred proves nothing of a p99
SPARE = 1.3  # times the fewest, since Poisson arrivals may be fewer than their mean
SHORTEST, LONGEST = 0.5, 1.6  # times --seconds
PATIENCE, PATIENT_S = 4.0, 12.0  # times --seconds, or seconds, for a rate at which the fewest take longer


@dataclass(frozen=True)
class Probe:
    """What a try said of its rate."""

    passed: bool
    share_above: float
    enough: bool = True


def length(rate: float, seconds: float) -> float:
    """Return the seconds of a try, for rounds of `seconds`."""
    wished = min(max(WISHED / rate, SHORTEST * seconds), LONGEST * seconds)
    return max(wished, min(SPARE * FEWEST / rate, _longest(seconds)))


def lowest(seconds: float) -> float:
    """Return the rate below which a try would end with too few requests to tell anything."""
    return SPARE * FEWEST / _longest(seconds)


def _longest(seconds: float) -> float:
    return max(PATIENCE * seconds, PATIENT_S)


def judged(one: dict[str, Any], limit_ms: float) -> Probe:
    """Judge a measurement at a rate by the limit on its p99; too few requests to tell are a failure."""
    above, enough = share_above(merged([one["histogram"]]), limit_ms), one["requests"] >= FEWEST
    return Probe(enough and above <= LIMIT_SHARE and not one["failures"], above, enough)


def sustained(rate: float, probe: Callable[[float, int], Probe | None]) -> bool | None:
    """Say whether a rate passes one of two tries, which `probe` numbers; None where a try was cut short.

    An overloaded service fails each time, a machine that hiccups does not.
    """
    for attempt in (1, 2):
        found = probe(rate, attempt)
        if found is None or found.passed:
            break
        if found.share_above > CLEAR_OVERLOAD or not found.enough:
            return False
    return None if found is None else found.passed
