"""What an experiment has gathered, arm by arm, as service.evidence asks for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from service.evidence.blocks import Blocks
from service.evidence.latency import Moments
from service.experiments.definition import Experiment

if TYPE_CHECKING:
    from service.store.definitions import Entry
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


def since(totals: Sequence["Total"], revision: int) -> list["Total"]:
    """Return the sums from a revision on."""
    return [row for row in totals if row.revision >= revision]


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
            found[None if row.served_right == row.arm_right else row.served_right] += row.n
    return Pairs(found[True], found[False], found[None])


class Split(NamedTuple):
    """Blocks of an arm against the control, how many of the arm's outcomes are in all, and in one by the present
    weights.
    """

    counts: Mapping[float, int]
    n: int
    arm_per_block: int


class Weights:
    """What the weights were at each revision: a block's size is what they asked for when its labels came."""

    def __init__(self, since: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """`since` holds the first revision of each set of weights, oldest first."""
        self._since = since

    @property
    def present_since(self) -> int:
        """The revision from which on the present weights hold."""
        return self._since[-1][0]

    def at(self, revision: int) -> int:
        """Return which set holds at a revision."""
        return max(number for number, (first, _) in enumerate(self._since) if first <= revision)

    def shares(self, revision: int | None) -> Mapping[str, float]:
        """Return the weights at a revision, or the present ones."""
        return self._since[-1 if revision is None else self.at(revision)][1]

    def blocks(self, control: str, arm: str) -> list[Blocks]:
        """Return empty blocks of control and arm, one for each set of weights."""
        return [Blocks(weights[control], weights[arm]) for _, weights in self._since]


def weights(log: Sequence["Entry"], experiment: Experiment) -> Weights:
    """Read from an experiment's log when its weights were which."""
    since = [(1, {arm.variant: arm.weight for arm in experiment.arms})]
    for entry in reversed(log):
        if "arms" in entry.detail:
            since[0] = (entry.revision, since[0][1])
            since.insert(0, (1, {arm["variant"]: arm["weight"] for arm in entry.detail["arms"][0]}))
    return Weights(since)


class Walk:
    """Puts the labels, or the metric, of control and arm into blocks, in the order of their commits."""

    def __init__(self, control: str, arm: str, weights: Weights) -> None:
        self._control, self._arm, self._weights = control, arm, weights
        self._blocks = weights.blocks(control, arm)

    def add(self, name: str, revision: int, value: float) -> None:
        """Take the next outcome of any arm."""
        if name in (self._control, self._arm):
            self._blocks[self._weights.at(revision)].add(name == self._control, value)

    @property
    def found(self) -> Split:
        """The blocks of all weights together."""
        counts, n = Counter[float](), 0
        for blocks in self._blocks:
            counts.update(blocks.counts)
            n += blocks.arm_per_block * sum(blocks.counts.values())
        return Split(dict(counts), n, self._blocks[-1].arm_per_block)


def split(labels: "Labels", control: str, arm: str, weights: Weights, *, metric: bool = False) -> Split:
    """Compare all labels, or all values of the metric."""
    walk = Walk(control, arm, weights)
    rows = zip(labels.arm, labels.revision, labels.metric if metric else labels.right, strict=True)
    for name, revision, value in rows:
        if value == value:  # a metric that was not sent is NaN
            walk.add(name, revision, float(value))
    return walk.found
