"""Who gets which arm: a hash of salt and unit, so that every worker, machine and restart says the same.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): each arm
draws a number for the unit, and the largest wins. When weights change, a unit moves only to an arm whose weight grew or
away from one whose weight shrank. The draw is the unit's own and not its bucket's: 10,000 buckets dealt out so would be
half a percent off the weights, which the test of the sample ratio finds with some ten thousand units.
"""

import math
from hashlib import blake2b
from typing import NamedTuple

from service.experiments.definition import Arm, Experiment

BUCKETS = 10_000


class Assignment(NamedTuple):
    """The variant that answers; `arm` is empty for a unit that is not in the experiment."""

    variant: str
    arm: str = ""


def unit_of(experiment: Experiment, given: str) -> str:
    """Return what is stored of a unit: 16 hexadecimal digits of a keyed hash."""
    return blake2b(given.encode("utf-8", "surrogatepass"), digest_size=8, key=_key(experiment.seed)).hexdigest()


def assign(experiment: Experiment, unit: str) -> Assignment:
    """Return the arm of a unit, as `unit_of` writes it."""
    if _number(unit, "traffic") % BUCKETS >= round(experiment.traffic * BUCKETS):
        return Assignment(experiment.control)
    if not experiment.splits:
        return Assignment(experiment.control, experiment.control)
    winner = max(experiment.arms, key=lambda arm: _draw(unit, arm))
    return Assignment(winner.variant, winner.variant)


def _draw(unit: str, arm: Arm) -> float:
    uniform = (_number(unit, arm.variant) + 0.5) / 2**64
    return -arm.weight / math.log(uniform)


def _number(unit: str, purpose: str) -> int:
    return int.from_bytes(blake2b(f"{unit} {purpose}".encode(), digest_size=8).digest())


def _key(seed: str) -> bytes:
    return blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=32).digest()
