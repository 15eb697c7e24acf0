"""One trial of a rate in the search for the highest: how long it is, whether the rate was sustained, and when a failure
is worth a second one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.numbers.percentiles import share_above
from loadtest.numbers.recording import Measurement, merged
from loadtest.numbers.slowed import FEWEST

CLEAR_OVERLOAD = 0.03  # of the answers above the limit: no hiccup of the machine, which a second trial could show
LIMIT_SHARE = 0.01
WISHED = 800  # requests; one above the limit of fewer than the fewest proves nothing of a p99
SPARE = 1.3  # times the fewest, since Poisson arrivals may be fewer than their mean
SHORTEST, LONGEST = 0.5, 1.6  # times --seconds
PATIENCE, PATIENT_S = 4.0, 12.0  # times --seconds, or seconds, for a rate at which the fewest take longer


@dataclass(frozen=True)
class Answer:
    """What a trial said of its rate: whether it passed, and the share of the answers above the limit; with too few to
    tell it is not `enough`.
    """

    passed: bool
    share_above: float
    enough: bool = True


def length(rate: float, seconds: float) -> float:
    """Return the seconds of a trial, for rounds of `seconds`."""
    wished = min(max(WISHED / rate, SHORTEST * seconds), LONGEST * seconds)
    return max(wished, min(SPARE * FEWEST / rate, _longest(seconds)))


def lowest(seconds: float) -> float:
    """Return the rate below which a trial would end with too few requests to tell anything."""
    return SPARE * FEWEST / _longest(seconds)


def _longest(seconds: float) -> float:
    return max(PATIENCE * seconds, PATIENT_S)


def judged(one: Measurement, limit_ms: float) -> Answer:
    """Judge a measurement at a rate by the limit on its p99; too few requests to tell are a failure."""
    above, enough = share_above(merged([one.histogram]), limit_ms), one.requests >= FEWEST
    return Answer(enough and above <= LIMIT_SHARE and not one.failures, above, enough)


def sustained(rate: float, trial: Callable[[float, int], Answer | None]) -> bool | None:
    """Say whether a rate passes one of two trials, which `trial` numbers; None where a trial was cut short.

    An overloaded service fails each time, a machine that hiccups does not.
    """
    for attempt in (1, 2):
        found = trial(rate, attempt)
        if found is None or found.passed:
            break
        if found.share_above > CLEAR_OVERLOAD or not found.enough:
            return False
    return None if found is None else found.passed
