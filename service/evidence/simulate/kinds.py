"""What is simulated: worlds in which a verdict would be false, and worlds in which one is to be found."""

from typing import NamedTuple

from service.evidence.simulate import worlds
from service.evidence.simulate.worlds import Claim, Draw, claims

MARGIN = 0.01
RATING = [0.3, 0.05, 0.05, 0.1, 0.1, 0.15, 0.25]  # of a metric with seven values, both ends heavy
NO_DROP = [Claim(1.0, 0.0)]


class Null(NamedTuple):
    """A world in which every verdict of a kind is false, and how often one may be reached in it."""

    kind: str
    world: str
    draw: Draw
    alpha: float = 0.05


NULLS = [
    Null("paired", "no drop, 6 % discordant", worlds.paired(0.03, 0.03, claims(None))),
    Null("paired", "no drop, 1 % discordant", worlds.paired(0.005, 0.005, claims(None))),
    Null("paired", "drop = margin, 3 % discordant", worlds.paired(0.02, 0.01, claims(MARGIN)), 0.025),
    Null("split", "no drop, 92 %, weights 0.5/0.5", worlds.split(0.92, 0.92, 0.5, claims(None))),
    Null("split", "drop = margin, 92 %, weights 0.5/0.5", worlds.split(0.92, 0.91, 0.5, claims(MARGIN)), 0.025),
    Null("split", "no drop, 92 %, weights 0.9/0.1", worlds.split(0.92, 0.92, 0.9, claims(None))),
    Null("split", "drop = margin, 92 %, weights 0.9/0.1", worlds.split(0.92, 0.91, 0.9, claims(MARGIN)), 0.025),
    Null("label_free", "share that differs = margin", worlds.rate(1 - MARGIN, 1 - MARGIN), 0.025),
    Null("latency", "ratio 1, sigma 0.5, weights 0.5/0.5", worlds.times(0.5, 0.5, 1.0)),
    Null("latency", "ratio 1, sigma 1, weights 0.5/0.5", worlds.times(1.0, 0.5, 1.0)),
    Null("latency", "ratio 1, sigma 1, weights 0.9/0.1", worlds.times(1.0, 0.9, 1.0)),
    Null("metric", "no drop, seven values", worlds.metric(RATING, claims(None))),
    Null("sample_ratio", "as promised, 0.5/0.5", worlds.assigned([0.5, 0.5], [0.5, 0.5], 0.05)),
    Null("sample_ratio", "as promised, 0.8/0.1/0.1", worlds.assigned([0.8, 0.1, 0.1], [0.8, 0.1, 0.1], 0.05)),
    Null("sample_ratio", "as promised, 0.5/0.5", worlds.assigned([0.5, 0.5], [0.5, 0.5], 0.01), 0.01),
    Null("error_rate", "errors = limit, 1 %", worlds.rate(0.01, 0.01), 0.025),
    Null("agreement", "share that agrees = floor, 90 %", worlds.rate(0.1, 0.1), 0.025),
    Null("slower", "ratio = limit, 1.5, sigma 1, weights 0.5/0.5", worlds.times(1.0, 0.5, 1.5, only_above=True), 0.025),
]


# Times so heavy-tailed that an asymptotic sequence does not hold its level on a few hundred of them: p99 is 33 medians.
BEYOND = [
    Null("latency", "ratio 1, sigma 1.5, weights 0.5/0.5", worlds.times(1.5, 0.5, 1.0)),
    Null("latency", "ratio 1, sigma 1.5, weights 0.9/0.1", worlds.times(1.5, 0.9, 1.0)),
]


class Found(NamedTuple):
    """A world in which an arm is worse, and by how many labels that is to be found."""

    kind: str
    world: str
    labels: int
    asked: float
    draw: Draw


POWER = [
    Found("paired", "3 points worse, 6 % discordant", 1500, 0.9, worlds.paired(0.045, 0.015, NO_DROP)),
    Found(
        "split", "92 against 89 %, labels an arm", 5000, 0.9, worlds.split(0.92, 0.89, 0.5, NO_DROP, arms_labels=True)
    ),
]


class Race(NamedTuple):
    """A paired world with a verdict to be found, to be run against a test with one look."""

    verdict: str
    worse: float
    better: float
    margin: float  # the bound to be excluded: 0 for "worse"


RACES = [
    Race("worse", 0.045, 0.015, 0.0),
    Race("worse", 0.065, 0.035, 0.0),
    Race("worse", 0.03, 0.01, 0.0),
    Race("worse", 0.025, 0.015, 0.0),
    Race("not_worse", 0.002, 0.002, MARGIN),
    Race("not_worse", 0.01, 0.01, MARGIN),
    Race("not_worse", 0.02, 0.02, MARGIN),
    Race("not_worse", 0.03, 0.03, 2 * MARGIN),
]
