"""What an experiment says of an arm, in one sentence for people."""

from collections.abc import Mapping, Sequence

from service.evidence.decision import Decision
from service.evidence.difference import Difference, Verdict
from service.evidence.latency import Ratio
from service.experiments.definition import Experiment
from service.experiments.guardrails import Guardrail

POINTS = 100.0
OUTCOMES = {"paired": "labelled pairs", "label_free": "pairs without labels", "split": "labels of its own"}
NEXT = {
    Decision.SHIP: "ship it",
    Decision.DO_NOT: "do not ship it",
    Decision.UNDECIDED: "nothing to decide yet",
}


def sentence(
    experiment: Experiment,
    arm: str,
    found: Mapping[str, Difference | None],
    latency: Ratio | None,
    verdict: Verdict,
    decision: Decision,
    broken: Sequence[Guardrail],
    withheld: bool,
) -> str:
    """Say what is proven of an arm, by what, and what follows."""
    if withheld:
        return (
            f"nothing is said of '{arm}': the units did not come as the weights promise, so it was not chance alone "
            "who got it; find out why before any figure is believed"
        )
    if broken:
        return f"do not ship '{arm}': {broken[0].sentence()}"
    parts = [f"{NEXT[decision]}: '{arm}' {_of_accuracy(experiment, found, verdict)}"]
    if latency is not None:
        parts.append(
            f"its mean time is {latency.ratio:.3g} [{latency.low:.3g}, {latency.high:.3g}] times the control's"
        )
    business = found["metric"]
    if experiment.metric is not None and business is not None and business.verdict in (Verdict.BETTER, Verdict.WORSE):
        parts.append(f"'{experiment.metric.name}' is {business.verdict} by {abs(business.drop):.3g}")
    if decision is Decision.UNDECIDED and verdict in (Verdict.NOT_WORSE, Verdict.BETTER):
        parts.append("that it is also faster, or better in what counts, is not proven")
    return "; ".join(parts)


def of_two_models(arms: Sequence[str]) -> str:
    """Say of which arms a new build has brought another model since the experiment began, if of any."""
    if not arms:
        return ""
    named = " and ".join(f"'{arm}'" for arm in arms)
    return f"; a new build has replaced the model of {named} since, and the figures are of the old and the new together"


def _of_accuracy(experiment: Experiment, found: Mapping[str, Difference | None], verdict: Verdict) -> str:
    control, margin = experiment.control, experiment.margin
    kinds = {kind: each for kind, each in found.items() if kind in OUTCOMES and each is not None}
    if not kinds:
        return f"has no evidence beside '{control}' yet"
    kind, best = next(
        ((kind, each) for kind, each in kinds.items() if each.verdict is verdict), next(iter(kinds.items()))
    )
    interval = f"[{best.low * POINTS:.2f}, {best.high * POINTS:.2f}] points on {best.n:,} {OUTCOMES[kind]}"
    drop = f"{best.drop * POINTS:.2f} {interval}"
    if verdict is Verdict.UNDECIDED:
        loss = f"it loses {drop}"
        if kind == "label_free":
            loss = f"{best.drop:.2%} of {best.n:,} texts get another label, at most {best.high:.2%} are expected to"
        waits = [(each.further, OUTCOMES[of]) for of, each in kinds.items() if each.further]
        more = "how many more decide cannot be said"
        if waits:
            further, counted = min(waits)
            more = f"about {further:,} more {counted} are expected to decide"
        return f"is undecided beside '{control}': {loss}, the margin is {margin:g}; {more}"
    if kind == "label_free":
        return (
            f"cannot be worse than '{control}' by the margin of {margin:g}: at most {best.high * POINTS:.2f} % of "
            f"{best.n:,} texts get another label"
        )
    if verdict is Verdict.WORSE:
        return f"is worse than '{control}': it loses {drop}"
    if verdict is Verdict.BETTER:
        return f"is better than '{control}': it gains {-best.drop * POINTS:.2f} (drop {interval})"
    return f"is not worse than '{control}' by the margin of {margin:g}: it loses {drop}"
