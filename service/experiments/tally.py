"""What an experiment has gathered, arm by arm, as service.evidence asks for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from service.evidence.blocks import Blocks
from service.evidence.latency import Moments
from service.experiments.definition import Arm, Experiment

if TYPE_CHECKING:
    from service.store.evidence import Labels, PairCount, ShadowTotal, Total

SECONDS_A_MINUTE = 60


class Requests(NamedTuple):
    """Sums of one arm over requests and labels."""

    requests: int = 0
    errors: int = 0
    units: int = 0
    labels: int = 0
    right: int = 0
    ms: float = 0.0
    ms_squared: float = 0.0

    @property
    def latency(self) -> Moments:
        """The times of what was answered."""
        return Moments(self.requests - self.errors, self.ms, self.ms_squared)


class Shadowed(NamedTuple):
    """Sums over the requests that control and arm both answered; the times are of the models alone."""

    pairs: int = 0
    differing: int = 0
    control: Moments = Moments(0, 0.0, 0.0)
    arm: Moments = Moments(0, 0.0, 0.0)


class Pairs(NamedTuple):
    """Labelled pairs: only the control was right, only the arm, both or neither."""

    control_only: int = 0
    arm_only: int = 0
    equal: int = 0


def requests(totals: Sequence["Total"], arm: str) -> Requests:
    """Add up one arm's sums."""
    rows = [row for row in totals if row.arm == arm]
    return Requests(*(sum(getattr(row, name) for row in rows) for name in Requests._fields))


def shadowed(totals: Sequence["ShadowTotal"], control: str, arm: str) -> Shadowed:
    """Add up the pairs of control and arm."""
    rows = [row for row in totals if row.served == control and row.arm == arm]
    pairs = sum(row.pairs for row in rows)
    return Shadowed(
        pairs,
        sum(row.differing for row in rows),
        Moments(pairs, sum(row.served_ms for row in rows), sum(row.served_ms_squared for row in rows)),
        Moments(pairs, sum(row.ms for row in rows), sum(row.ms_squared for row in rows)),
    )


def pairs(counts: Sequence["PairCount"], control: str, arm: str, until: int | None = None) -> Pairs:
    """Add up the labelled pairs of control and arm, up to a minute where one is given."""
    found = Counter[bool | None]()
    for row in counts:
        if row.served == control and row.arm == arm and (until is None or row.minute <= until):
            found[None if row.served_right == row.arm_right else row.served_right] += row[-1]  # the count
    return Pairs(found[True], found[False], found[None])


class Split(NamedTuple):
    """Blocks of an arm against the control, and how many of the arm's outcomes are in one."""

    counts: Mapping[float, int]
    arm_per_block: int


def blocks(experiment: Experiment, arm: Arm) -> Blocks:
    """Return empty blocks of control and arm, of the size that their weights ask for."""
    control = next(each for each in experiment.arms if each.variant == experiment.control)
    return Blocks(control.weight, arm.weight)


def split(labels: "Labels", experiment: Experiment, arm: Arm, *, metric: bool = False) -> Split:
    """Put the labels, or the metric, of control and arm into blocks, in the order of their commits."""
    found = blocks(experiment, arm)
    for name, right, value in zip(labels.arm, labels.right, labels.metric, strict=True):
        if name in (experiment.control, arm.variant) and (not metric or value == value):
            found.add(name == experiment.control, value if metric else float(right))
    return Split(dict(found.counts), found.arm_per_block)
