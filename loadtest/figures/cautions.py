"""Whether the generator, or what else ran on its machine, was measured instead of the service."""

from collections.abc import Sequence

from loadtest.numbers.lateness import LATE_MS, late_share, sent_late
from loadtest.numbers.result import Ceiling, Conditions, Placement, Result, Round
from loadtest.numbers.slowed import OUT_OF_LINE, is_slowed
from loadtest.scenarios.registry import SCENARIOS
from loadtest.scenarios.scenario import Scenario

NEAR_CEILING = 0.8
BUSY = 0.85  # of a core
STEAL_SHARE = 0.02
OTHERS_BUSY = 0.15  # of all cores, in the second before the run


def cautions(result: Result) -> list[str]:
    """Return one sentence for each sign that the generator or a busy machine is in the figures."""
    generator = result.conditions.generator or Placement()
    found = []
    for scenario in SCENARIOS:
        bound = [
            f"{name} ({', '.join(reasons)})"
            for name, variant in result.everyone().items()
            if (rounds := variant.rounds(scenario.name)) and (reasons := _bound(rounds, scenario, generator.ceiling))
        ]
        found += [f"Generator-bound in {scenario.name}: {', '.join(bound)}."] if bound else []
    found += [caution for scenario in SCENARIOS for caution in scenario.cautions(result)]
    return found + _slowed(result) + _machine(result.conditions, generator)


def _bound(rounds: Sequence[Round], scenario: Scenario, ceiling: Ceiling | None) -> list[str]:
    reasons = []
    rate = max(one.requests / one.seconds for one in rounds)
    most = (
        {"single": ceiling.single, "closed": ceiling.closed, "open": ceiling.open}[scenario.ceiling]
        if ceiling and scenario.ceiling
        else None
    )
    if most and rate > NEAR_CEILING * most:
        reasons.append(f"{rate:,.0f} requests/s, within 20 % of the generator's ceiling of {most:,.0f}")
    if (busy := max(one.generator.cpu_share for one in rounds)) > BUSY:
        reasons.append(f"{busy:.0%} of its core used")
    if sent_late(rounds):
        reasons.append(f"{late_share(rounds):.1%} sent more than {LATE_MS:g} ms late")
    return reasons


def _slowed(result: Result) -> list[str]:
    """Name the variants that have rounds in which the generator itself was slowed down, though they may have been
    measured again.
    """
    found = []
    for scenario in (scenario for scenario in SCENARIOS if scenario.repeated):
        everyone = {name: variant.rounds(scenario.name) for name, variant in result.everyone().items()}
        counts = {name: sum(is_slowed(one, rounds) for one in rounds) for name, rounds in everyone.items()}
        if slowed := [f"{name} {count}" for name, count in counts.items() if count]:
            found.append(
                f"Rounds of {scenario.name} in which the generator took over {OUT_OF_LINE:g} times its least CPU time "
                f"a request: {', '.join(slowed)}."
            )
    return found


def _machine(conditions: Conditions, generator: Placement) -> list[str]:
    found = []
    if conditions.disturbance and conditions.disturbance.steal_share > STEAL_SHARE:
        found.append(f"The hypervisor took {conditions.disturbance.steal_share:.1%} of the machine's time.")
    if conditions.busy_share_before > OTHERS_BUSY:
        found.append(
            f"The machine was not quiet: its cores were {conditions.busy_share_before:.0%} busy before the run."
        )
    if conditions.same_machine and not generator.remote and not generator.pinned:
        found.append(f"Generator and server shared their cores: {generator.why or 'pinning was off'}.")
    return found
