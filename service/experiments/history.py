"""How the estimate and its interval moved while labels came in: what the page draws."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from service.evidence.difference import Difference
from service.evidence.label_free import disagreement
from service.evidence.paired import paired
from service.evidence.split import split as judge_split
from service.experiments import tally
from service.experiments.definition import Arm, Experiment

if TYPE_CHECKING:
    from service.store.store import Store

MOST = 40  # points a line
POINTS = 100.0


class Options(NamedTuple):
    """The margin as a share, and the level."""

    margin: float
    alpha: float


def history(store: "Store", experiment: Experiment) -> dict[str, list[dict[str, Any]]]:
    """Return the points of each arm's lines: of own labels, and of pairs, with labels where there are any."""
    return {arm.variant: list(_line(store, experiment, arm)) for arm in experiment.others}


def _line(store: "Store", experiment: Experiment, arm: Arm) -> Iterator[dict[str, Any]]:
    options = Options(experiment.margin / POINTS, experiment.level)
    if experiment.splits:
        yield from _split(store, experiment, arm, options)
    if experiment.shadows:
        counts = store.pairs(experiment.name)
        minutes = sorted({row.minute for row in counts if row.arm == arm.variant and row.served == experiment.control})
        for minute in minutes[:: len(minutes) // MOST + 1][:-1] + minutes[-1:]:
            both = tally.pairs(counts, experiment.control, arm.variant, minute)
            yield _point((minute + 1) * 60, "paired", paired(*both, margin=options.margin, alpha=options.alpha))
        if not minutes:
            yield from _label_free(store, experiment, arm, options)


def _label_free(store: "Store", experiment: Experiment, arm: Arm, options: Options) -> Iterator[dict[str, Any]]:
    pairs = differing = 0
    for row in store.shadow_totals(experiment.name, buckets=MOST):
        if row.served == experiment.control and row.arm == arm.variant:
            pairs, differing = pairs + row.pairs, differing + row.differing
            yield _point(
                (row.minute + 1) * 60,
                "label_free",
                disagreement(pairs, differing, margin=options.margin, alpha=options.alpha),
            )


def _split(store: "Store", experiment: Experiment, arm: Arm, options: Options) -> Iterator[dict[str, Any]]:
    labels = store.outcomes(experiment.name)
    walk = tally.Walk(experiment.control, arm.variant, tally.weights(store.log(experiment.name), experiment))
    step, before = len(labels.arm) // MOST + 1, 0
    rows = zip(labels.arm, labels.revision, labels.right, labels.at, strict=True)
    for number, (name, revision, right, at) in enumerate(rows, 1):
        walk.add(name, revision, float(right))
        if number % step and number != len(labels.arm):
            continue
        counts, n, per_block = walk.found
        if sum(counts.values()) > before:
            before = sum(counts.values())
            found = judge_split(counts, margin=options.margin, alpha=options.alpha, arm_per_block=per_block, n=n)
            yield _point(at, "split", found)


def _point(at: float, kind: str, found: Difference) -> dict[str, Any]:
    drop, low, high = (POINTS * value for value in (found.drop, found.low, found.high))
    return {"at": at, "n": found.n, "drop": drop, "low": low, "high": high, "kind": kind}
