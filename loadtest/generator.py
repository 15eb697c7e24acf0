"""Whether the generator, or what else ran on its machine, was measured instead of the service."""

from typing import Any

from loadtest.disturbed import OUT_OF_LINE, is_disturbed
from loadtest.percentiles import share_above
from loadtest.recording import merged
from loadtest.result import Result, everyone
from loadtest.summary import OFFLINE, SERVER, SINGLE_STREAM, rounds_of

NEAR_CEILING = 0.8
BUSY = 0.85  # of a core
LATE_MS, LATE_SHARE = 1.0, 0.01
STEAL_SHARE = 0.02
OTHERS_BUSY = 0.15  # of all cores, in the second before the run


def cautions(result: Result) -> list[str]:
    """Return one sentence for each sign that the generator or a busy machine is in the figures."""
    ceiling = result["conditions"].get("generator", {}).get("ceiling") or {}
    bound: dict[str, list[str]] = {}
    for name, variant in result["variants"].items():
        for scenario in variant["scenarios"]:
            if (rounds := rounds_of(variant, scenario)) and (reasons := _bound(rounds, scenario, ceiling)):
                bound.setdefault(scenario, []).append(f"{name} ({', '.join(reasons)})")
    found = [f"Generator-bound in {scenario}: {', '.join(those)}." for scenario, those in bound.items()]
    return found + _searches(result) + _slowed(result) + _machine(result["conditions"])


def late_share(rounds: list[dict[str, Any]]) -> float:
    """Return the share of an open loop's requests that the generator sent more than 1 ms late, though a connection was free."""
    lateness = merged(one["lateness"] for one in rounds if "lateness" in one)
    starts = lateness.get_total_count() + sum(one.get("no_connection", 0) for one in rounds)
    return share_above(lateness, LATE_MS) * lateness.get_total_count() / starts if starts else 0.0


def sent_late(rounds: list[dict[str, Any]]) -> bool:
    """Say whether the generator, by what it sent late, was the bottleneck."""
    return late_share(rounds) > LATE_SHARE


def _bound(rounds: list[dict[str, Any]], scenario: str, ceiling: dict[str, Any]) -> list[str]:
    reasons = []
    rate = max(one["requests"] / one["seconds"] for one in rounds)
    most = ceiling.get("single" if scenario == SINGLE_STREAM else "open" if "rate" in rounds[0] else "closed")
    if most and scenario != OFFLINE and rate > NEAR_CEILING * most:
        reasons.append(f"{rate:,.0f} requests/s, within 20 % of the generator's ceiling of {most:,.0f}")
    if (busy := max(one["generator"].get("cpu_share", 0.0) for one in rounds)) > BUSY:
        reasons.append(f"{busy:.0%} of its core used")
    if sent_late(rounds):
        reasons.append(f"{late_share(rounds):.1%} sent more than {LATE_MS:g} ms late")
    return reasons


def _searches(result: Result) -> list[str]:
    """Name the variants whose highest rate may be the generator's: it was late at the rate that passed, or at the lowest that failed."""
    bound = []
    for name, variant in result["variants"].items():
        server = variant["scenarios"].get(SERVER, {})
        ends = [probe for probe in server.get("search", []) if round(probe["rate"], 3) in (server.get("passed"), server.get("failed"))]
        if any(probe.get("generator_bound") for probe in ends):
            bound.append(name)
    return [f"The rate that was found is bound by the generator, which sent late: {', '.join(bound)}."] if bound else []


def _slowed(result: Result) -> list[str]:
    """Name the variants that have rounds in which the generator itself was slowed down, though they may have been measured again."""
    found = []
    for scenario in (SINGLE_STREAM, SERVER):
        counts = {
            name: sum(is_disturbed(one, rounds) for one in rounds) for name, variant in everyone(result).items() if (rounds := rounds_of(variant, scenario))
        }
        if slowed := [f"{name} {count}" for name, count in counts.items() if count]:
            found.append(f"Rounds of {scenario} in which the generator took over {OUT_OF_LINE:g} times its least CPU time a request: {', '.join(slowed)}.")
    return found


def _machine(conditions: dict[str, Any]) -> list[str]:
    found = []
    disturbance = conditions.get("disturbance", {})
    if disturbance.get("steal_share", 0.0) > STEAL_SHARE:
        found.append(f"The hypervisor took {disturbance['steal_share']:.1%} of the machine's time.")
    if (busy := conditions.get("busy_share_before", 0.0)) > OTHERS_BUSY:
        found.append(f"The machine was not quiet: its cores were {busy:.0%} busy before the run.")
    generator = conditions.get("generator", {})
    if conditions["same_machine"] and not generator.get("remote") and not generator.get("pinned", False):
        found.append(f"Generator and server shared their cores: {generator.get('why', 'pinning was off')}.")
    return found
