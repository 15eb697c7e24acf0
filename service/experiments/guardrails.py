"""What ends an experiment by itself: an arm that breaks a guardrail, or a rule that says when it is enough.

A guardrail is judged by a confidence sequence over what came since the experiment last began or was resumed, so that it
can be looked at every second: it breaks when the whole interval is beyond the limit.
"""

import time
from typing import TYPE_CHECKING, NamedTuple

from service.evidence.guardrail import exceeds, falls_short
from service.evidence.latency import Moments, mean_ratio
from service.evidence.share import share
from service.experiments import tally
from service.experiments.definition import Experiment
from service.experiments.running import DAY_S, Standing
from service.experiments.tally import Requests, Shadowed, requests, shadowed

if TYPE_CHECKING:
    from service.store.store import Store


class Guardrail(NamedTuple):
    """One guardrail of one arm; without enough seen, the value and its interval are None."""

    name: str
    arm: str
    limit: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    minimum: int
    breached: bool

    def sentence(self) -> str:
        """Say that it is broken."""
        beyond = "below" if self.name == "agreement" else "above"
        return (
            f"{breaks(self.arm)}'{self.name}': {self.value:.4g} [{self.low:.4g}, {self.high:.4g}] over "
            f"{self.n}, {beyond} {self.limit:g}; the control answers everybody until a person resumes"
        )


def breaks(arm: str) -> str:
    """Return how the sentence about an arm that broke a guardrail begins."""
    return f"'{arm}' breaks the guardrail "


def judge_guardrails(store: "Store", standing: Standing) -> list[Guardrail]:
    """Return every guardrail of every arm beside the control, as it stands."""
    experiment = standing.experiment
    name, rules = experiment.name, experiment.guardrails
    if rules == type(rules)():
        return []
    log = store.log(name)
    since = max(entry.revision for entry in log if entry.what in ("created", "resumed"))
    totals = store.totals(name, since=since)
    unseen = store.shadow_totals(name, since=since) if experiment.shadows else []
    # With other weights the arms had other shares of the busy hours, whose times cannot be compared.
    alike = tally.since(totals, tally.weights(log, experiment).present_since)
    found = []
    for arm in experiment.others:
        own, shadow = requests(totals, arm.variant), shadowed(unseen, experiment.control, arm.variant)
        times = (requests(alike, experiment.control).latency, requests(alike, arm.variant).latency)
        found += _of_arm(experiment, arm.variant, own, shadow, times if experiment.splits else shadow[2:])
    return found


def _of_arm(
    experiment: Experiment, arm: str, own: Requests, shadow: Shadowed, times: tuple[Moments, Moments]
) -> list[Guardrail]:
    rules, found = experiment.guardrails, list[Guardrail]()
    alpha = experiment.alpha / len(experiment.others)
    if rules.error_rate is not None and experiment.splits:
        most, least_seen = rules.error_rate.most, rules.error_rate.minimum
        bounds = share(own.requests, own.errors, alpha=alpha)
        value = own.errors / own.requests if own.requests else None
        broken = own.requests >= least_seen and exceeds(bounds, most)
        found.append(
            Guardrail("error_rate", arm, most, value, bounds.low, bounds.high, own.requests, least_seen, broken)
        )
    if rules.latency is not None:
        most, least_seen = rules.latency.most, rules.latency.minimum
        ratio, n = mean_ratio(*times, alpha=alpha), times[1].n
        broken = n >= least_seen and exceeds(ratio, most)
        value, low, high = (ratio.ratio, ratio.low, ratio.high) if ratio is not None else (None, None, None)
        found.append(Guardrail("latency", arm, most, value, low, high, n, least_seen, broken))
    if rules.agreement is not None:
        least, least_seen = rules.agreement.least, rules.agreement.minimum
        same = shadow.pairs - shadow.differing
        bounds = share(shadow.pairs, same, alpha=alpha)
        value = same / shadow.pairs if shadow.pairs else None
        broken = shadow.pairs >= least_seen and falls_short(bounds, least)
        found.append(
            Guardrail("agreement", arm, least, value, bounds.low, bounds.high, shadow.pairs, least_seen, broken)
        )
    return found


def breach(store: "Store", standing: Standing) -> str:
    """Return the sentence of a guardrail that is broken, or nothing."""
    broken = [guardrail for guardrail in judge_guardrails(store, standing) if guardrail.breached]
    return broken[0].sentence() if broken else ""


def stop_reason(store: "Store", standing: Standing, now: float | None = None) -> str:
    """Return why an experiment is over by its own rule, or nothing."""
    name, stop = standing.experiment.name, standing.experiment.stop
    if stop.days is not None:
        began = store.log(name)[0].at
        if (time.time() if now is None else now) - began >= stop.days * DAY_S:
            return f"the rule 'stop.days' is met: {stop.days:g} days have passed"
    if stop.labels is not None:
        labels = sum(row.labels for row in store.totals(name))
        if labels >= stop.labels:
            return f"the rule 'stop.labels' is met: there are {labels:,} labels"
    return ""
