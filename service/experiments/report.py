"""What an experiment has shown so far, as JSON values: what the page, the command line and `GET /experiments/{name}`
say.
"""

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from service.evidence.decision import Decision, decide
from service.evidence.difference import Difference, Verdict
from service.evidence.label_free import disagreement
from service.evidence.latency import Ratio, mean_ratio
from service.evidence.metric import metric as judge_metric
from service.evidence.paired import paired
from service.evidence.sample_ratio import sample_ratio
from service.evidence.share import share
from service.evidence.split import split as judge_split
from service.experiments import changes, tally
from service.experiments.definition import Arm, Experiment
from service.experiments.errors import Conflict
from service.experiments.guardrails import Guardrail, breaks, judge_guardrails
from service.experiments.history import history
from service.experiments.running import ENDED, RUNNING, TRIPPED, Standing
from service.experiments.words import of_two_models, sentence

if TYPE_CHECKING:
    from service.store.definitions import Entry, Stored
    from service.store.store import Store

POINTS = 100.0  # the store and the evidence count in shares, people in points
WITHHELD = "withheld"
OFF = 0.01  # the level at which the sample ratio is off


def report(store: "Store", name: str, *, with_history: bool = True) -> dict[str, Any]:
    """Return the whole report (UnknownExperiment, StoreError)."""
    standing = changes.find(store, name)
    experiment, totals = standing.experiment, store.totals(name)
    log = store.log(name)
    ratio = _sample_ratio(experiment, totals, tally.weights(log, experiment))
    guardrails = judge_guardrails(store, standing)
    evidence = Evidence(store, experiment, totals)
    replaced = {arm for entry in log for arm in entry.detail.get(changes.MODELS, ())}
    return {
        "name": name,
        "revision": standing.revision,
        "state": standing.state,
        "reason": standing.reason,
        "left_alone": _left_alone(standing.state, log),
        "definition": experiment.content(),
        "started_at": log[0].at,
        "changed_at": standing.changed_at,
        "at": time.time(),
        "sample_ratio": ratio,
        "arms": [
            evidence.arm(arm, standing, [each for each in guardrails if each.arm == arm.variant], ratio, replaced)
            for arm in experiment.arms
        ],
        "guardrails": [guardrail._asdict() for guardrail in guardrails],
        "history": history(store, experiment) if with_history else {},
        "log": [entry._asdict() for entry in log],
    }


def listed(store: "Store") -> list[dict[str, Any]]:
    """Return all experiments in a few words each, the last changed first."""
    found = sorted(store.experiments(), key=lambda each: each.changed_at, reverse=True)
    return [
        {
            "decisions": _decisions(store, each), "left_alone": _left_alone(each.state, store.log(each.name)),
            "name": each.name, "revision": each.revision, "state": each.state, "reason": each.reason,
            "control": each.definition["control"], "arms": [arm["variant"] for arm in each.definition["arms"]],
            "mode": each.definition.get("mode"), "changed_at": each.changed_at,
        }
        for each in found
    ]  # fmt: skip


def _left_alone(state: str, log: Sequence["Entry"]) -> str:
    return changes.left_alone(log) if state != ENDED else ""


def _decisions(store: "Store", stored: "Stored") -> dict[str, str]:
    if stored.state != RUNNING:
        return {}
    try:
        return decisions(store, stored.name)
    except Conflict:  # of another version, which runs it
        return {}


def decisions(store: "Store", name: str) -> dict[str, str]:
    """Return the decision on each arm beside the control, as it stands."""
    arms = report(store, name, with_history=False)["arms"]
    return {arm["variant"]: arm["decision"] for arm in arms if not arm["control"]}


class Evidence:
    """All that is said of the arms of one experiment; `alpha` is shared by all that is said (Bonferroni)."""

    def __init__(self, store: "Store", experiment: Experiment, totals: Sequence[Any]) -> None:
        self._experiment, self._totals = experiment, totals
        name = experiment.name
        self._labels = store.outcomes(name) if experiment.splits else None
        self._weights = tally.weights(store.log(name), experiment)
        self._shadows = store.shadow_totals(name) if experiment.shadows else []
        self._pairs = store.pairs(name) if experiment.shadows else []
        self.alpha = experiment.level
        self._margin = experiment.margin / POINTS

    def arm(
        self,
        arm: Arm,
        standing: Standing,
        guardrails: Sequence[Guardrail],
        ratio: dict[str, Any] | None,
        replaced: Collection[str],
    ) -> dict[str, Any]:
        """Return the figures of one arm and, beside the control, the verdict on it."""
        own = tally.requests(self._totals, arm.variant)
        answered = own.requests - own.errors
        figures: dict[str, Any] = {
            "variant": arm.variant,
            "weight": arm.weight,
            "control": arm.variant == self._experiment.control,
            "requests": own.requests,
            "units": own.units,
            "errors": own.errors,
            "mean_ms": own.ms / answered if answered else None,
            "labels": own.labels,
            "right": own.right,
            "accuracy": own.right / own.labels * POINTS if own.labels else None,
        }
        if figures["control"]:
            return figures
        found = self.differences(arm)
        latency, same = self._latency(arm), self._agreement(arm)
        broken = [each for each in guardrails if each.breached]
        verdict = overall([each.verdict for kind, each in found.items() if kind != "metric" and each is not None])
        faster = Verdict.BETTER if latency is not None and latency.high < 1 else Verdict.UNDECIDED
        business = found["metric"].verdict if found["metric"] is not None else Verdict.UNDECIDED
        metric = self._experiment.metric
        held = [verdict, business] if metric is not None and metric.margin is not None else [verdict]
        decision = decide([verdict, business, faster], held)
        if broken or (standing.state == TRIPPED and standing.reason.startswith(breaks(arm.variant))):
            decision = Decision.DO_NOT
        withheld = ratio is not None and ratio["mismatch"]
        said = sentence(self._experiment, arm.variant, found, latency, verdict, decision, broken, withheld)
        both = [name for name in (arm.variant, self._experiment.control) if name in replaced]
        return {
            **figures,
            **{kind: in_points(each, 1.0 if kind == "metric" else POINTS) for kind, each in found.items()},
            "latency": None if latency is None else latency._asdict(),
            "agreement": same,
            "verdict": WITHHELD if withheld else str(verdict),
            "decision": WITHHELD if withheld else str(decision),
            "sentence": said + of_two_models(both),
        }

    def differences(self, arm: Arm) -> dict[str, Difference | None]:
        """Return what each kind of evidence says of an arm; None where there is none of its kind."""
        experiment, margin, alpha = self._experiment, self._margin, self.alpha
        found: dict[str, Difference | None] = dict.fromkeys(("paired", "label_free", "split", "metric"))
        if experiment.shadows:
            both = tally.pairs(self._pairs, experiment.control, arm.variant)
            seen = tally.shadowed(self._shadows, experiment.control, arm.variant)
            found["paired"] = paired(*both, margin=margin, alpha=alpha) if any(both) else None
            if seen.pairs:
                found["label_free"] = disagreement(seen.pairs, seen.differing, margin=margin, alpha=alpha)
        if self._labels is not None:
            counts, n, per_block = tally.split(self._labels, experiment.control, arm.variant, self._weights)
            if counts:
                found["split"] = judge_split(counts, margin=margin, alpha=alpha, arm_per_block=per_block, n=n)
            found["metric"] = self._metric(arm)
        return found

    def _metric(self, arm: Arm) -> Difference | None:
        given = self._experiment.metric
        if given is None or self._labels is None:
            return None
        counts, n, per_block = tally.split(
            self._labels, self._experiment.control, arm.variant, self._weights, metric=True
        )
        if not counts:
            return None
        margin = given.margin or (given.high - given.low) / 2
        found = judge_metric(
            counts, low=given.low, high=given.high, better=given.better, margin=margin, alpha=self.alpha,
            arm_per_block=per_block, n=n,
        )  # fmt: skip
        if given.margin is None and found.verdict is Verdict.NOT_WORSE:  # by a margin that nobody chose
            worse = found.low > 0
            return found._replace(verdict=Verdict.WORSE if worse else Verdict.UNDECIDED, further=0 if worse else None)
        return found

    def _latency(self, arm: Arm) -> Ratio | None:
        """Compare mean times, of callers since the present weights hold: with others the arms had other shares of the
        busy hours.
        """
        if self._experiment.splits:
            present = tally.since(self._totals, self._weights.present_since)
            control, own = (tally.requests(present, name) for name in (self._experiment.control, arm.variant))
            return mean_ratio(control.latency, own.latency, alpha=self.alpha)
        seen = tally.shadowed(self._shadows, self._experiment.control, arm.variant)
        return mean_ratio(seen.control, seen.arm, alpha=self.alpha)

    def _agreement(self, arm: Arm) -> dict[str, Any] | None:
        seen = tally.shadowed(self._shadows, self._experiment.control, arm.variant)
        if not seen.pairs:
            return None
        same = seen.pairs - seen.differing
        low, high = share(seen.pairs, same, alpha=self._experiment.alpha)
        return {"n": seen.pairs, "share": same / seen.pairs, "low": low, "high": high}


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several kinds of evidence about the same accuracy say together; the worst of what is proven holds."""
    for verdict in (Verdict.WORSE, Verdict.BETTER, Verdict.NOT_WORSE):
        if verdict in verdicts:
            return verdict
    return Verdict.UNDECIDED


def in_points(found: Difference | None, scale: float = POINTS) -> dict[str, Any] | None:
    """Return a difference as JSON values, in points."""
    if found is None:
        return None
    return {
        **found._asdict(), "drop": found.drop * scale, "low": found.low * scale, "high": found.high * scale,
        "verdict": str(found.verdict),
    }  # fmt: skip


def _sample_ratio(experiment: Experiment, totals: Sequence[Any], weights: tally.Weights) -> dict[str, Any] | None:
    """Return whether units came as the weights of their time promise: at the present revision, or at the first at which
    they did not, for what came then is in every verdict; None where nobody is split.

    The k-th revision with units is tested at 2^-k of the level, so that all together hold it.
    """
    if not experiment.splits:
        return None
    alpha = OFF
    for revision in sorted({row.revision for row in totals if row.units}):
        alpha /= 2
        found = _came(experiment, totals, weights, revision, alpha)
        if found["mismatch"]:
            return found
    last = max((row.revision for row in totals if row.units and row.revision >= weights.present_since), default=None)
    return _came(experiment, totals, weights, last, alpha)


def _came(
    experiment: Experiment, totals: Sequence[Any], weights: tally.Weights, revision: int | None, alpha: float
) -> dict[str, Any]:
    rows = [row for row in totals if row.revision == revision]
    expected = dict(weights.shares(revision))
    counts = {arm.variant: tally.requests(rows, arm.variant).units for arm in experiment.arms}
    found = sample_ratio(list(counts.values()), [expected[arm] for arm in counts], alpha=alpha)
    return {"revision": revision, "counts": counts, "expected": expected, **found._asdict()}
