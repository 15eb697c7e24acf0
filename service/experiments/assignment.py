"""Who gets which arm: a hash of salt and unit, so that every worker, machine and restart says the same.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): each arm
draws a number for the unit, and the largest wins. When weights change, a unit moves only to an arm whose weight grew or
away from one whose weight shrank. The draw is the unit's own and not its bucket's: 10,000 buckets dealt out so would be
half a percent off the weights, which the test of the sample ratio finds with some ten thousand units.
"""

import math
import struct
from hashlib import blake2b, shake_128
from typing import NamedTuple

from service.experiments.definition import Experiment

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
    first, *draws = _numbers(unit, 1 + len(experiment.arms))
    if first % BUCKETS >= round(experiment.traffic * BUCKETS):
        return Assignment(experiment.control)
    if not experiment.splits:
        return Assignment(experiment.control, experiment.control)
    # By name: a change of weights may list them in another order, and the arms themselves never change.
    arms = sorted(experiment.arms, key=lambda arm: arm.variant)
    winner = max(zip(arms, draws, strict=True), key=lambda pair: -pair[0].weight / math.log((pair[1] + 0.5) / 2**64))[0]
    return Assignment(winner.variant, winner.variant)


def _numbers(unit: str, count: int) -> tuple[int, ...]:
    """Return so many whole numbers below 2^64, uniform and independent."""
    return struct.unpack(f">{count}Q", shake_128(unit.encode()).digest(8 * count))


def _key(seed: str) -> bytes:
    return blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=32).digest()
