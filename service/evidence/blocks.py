"""Unpaired outcomes (split traffic) as blocks: an outcome of one arm against the mean of the next few of the other.

The outcomes of an arm are exchangeable, so the next one of either arm is a fair draw whenever it comes, and a block's
difference has the drop as its mean. How many of the larger arm's outcomes make a block follows from the weights, which
are known before the traffic: nothing is exact that picks the size by what came in.
"""

from collections import Counter, deque
from collections.abc import Mapping


class Blocks:
    """Blocks of control minus arm, first in first out; each arm's order counts, the order between the arms does not."""

    def __init__(self, control_weight: float, arm_weight: float) -> None:
        self.control_per_block = max(1, round(control_weight / arm_weight))
        self.arm_per_block = max(1, round(arm_weight / control_weight))
        self._control: deque[float] = deque()
        self._arm: deque[float] = deque()
        self._counts: Counter[float] = Counter()

    def add(self, is_control: bool, value: float) -> None:
        """Take the next outcome of one of the two arms: 1 for a right label and 0 for a wrong one, or a metric."""
        (self._control if is_control else self._arm).append(value)
        if len(self._control) >= self.control_per_block and len(self._arm) >= self.arm_per_block:
            control = sum(self._control.popleft() for _ in range(self.control_per_block)) / self.control_per_block
            arm = sum(self._arm.popleft() for _ in range(self.arm_per_block)) / self.arm_per_block
            self._counts[control - arm] += 1

    @property
    def counts(self) -> Mapping[float, int]:
        """How often each difference of a whole block came up."""
        return self._counts
