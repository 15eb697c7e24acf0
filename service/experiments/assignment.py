"""Who gets which arm: a hash of salt and unit, so that every worker, machine and restart says the same.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): each arm
draws a number for the unit, and the largest wins. When weights change, a unit moves only to an arm whose weight grew or
away from one whose weight shrank. The draw is the unit's own and not its bucket's: 10,000 buckets dealt out so would be
half a percent off the weights, which the test of the sample ratio finds with some ten thousand units.
"""

import struct
from hashlib import blake2b, shake_128
from math import log
from typing import NamedTuple

from service.experiments.definition import Experiment

BUCKETS = 10_000  # of which `traffic` lets in a share


class Assignment(NamedTuple):
    """The variant that answers, the arm, which is empty for a unit that is not in the experiment, and what is stored of
    the unit: 16 hexadecimal digits.
    """

    variant: str
    arm: str
    unit: str


class Assigner:
    """Assigns units; all that can be worked out before they come is, for it stands between a caller and the answer."""

    def __init__(self, experiment: Experiment) -> None:
        self._control, self._splits = experiment.control, experiment.splits
        self._lets_in = round(experiment.traffic * BUCKETS)
        self._seeded = shake_128(blake2b(experiment.seed.encode("utf-8", "surrogatepass"), digest_size=32).digest())
        # By name: a change of weights may list them in another order, and the arms themselves never change.
        self._arms = sorted((arm.variant, arm.weight) for arm in experiment.arms)
        self._numbers = struct.Struct(f">{len(self._arms) + 1}Q")

    def assign(self, unit: str) -> Assignment:
        """Return the arm of a unit, as callers name it."""
        hashed = self._seeded.copy()
        hashed.update(unit.encode("utf-8", "surrogatepass"))
        digest = hashed.digest(8 + self._numbers.size)
        # Uniform and independent: one number for what is stored, one for the traffic, one for each arm.
        stored, (traffic, *draws) = digest[:8].hex(), self._numbers.unpack_from(digest, 8)
        if traffic % BUCKETS >= self._lets_in:
            return Assignment(self._control, "", stored)
        if not self._splits:
            return Assignment(self._control, self._control, stored)
        winner, most = "", -1.0
        for (variant, weight), draw in zip(self._arms, draws, strict=True):
            score = -weight / log((draw + 0.5) / 2**64)
            if score > most:
                winner, most = variant, score
        return Assignment(winner, winner, stored)
