"""What result.json holds before the first measurement: what was asked for, of which variants."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loadtest.numbers.result import Against, Card, Conditions, Control, Measured, Result, Run, Variant
from loadtest.scenarios.plan import Plan
from loadtest.scenarios.registry import SCENARIOS


def new_result(plan: Plan, conditions: Conditions, cards: Mapping[str, Card], *, quick: bool) -> Result:
    """Return a result without a measurement; the teacher is the baseline, or else the first variant."""
    teachers = [name for name, card in cards.items() if card.kind == "teacher"]
    baseline = teachers[0] if teachers else next(iter(cards))
    told: dict[str, Any] = {
        key: value for scenario in SCENARIOS for key, value in scenario.planned(plan.options).items()
    }
    run = Run(
        id="",
        started=now(),
        complete=False,
        stopped="it ended before the first measurement",
        quick=quick,
        rounds=plan.rounds,
        warm_up=round(plan.warm_up, 3),
        seconds=round(plan.seconds, 3),
        seed=plan.seed,
        baseline=baseline,
        scenarios=list(plan.scenarios),
        control=Control(variant=baseline) if plan.control else None,
        **told,
    )
    return Result(run=run, conditions=conditions, variants=_variants(plan, cards))


def new_against(plan: Plan, host: str, cards: Mapping[str, Card]) -> Against:
    """Return the same of another service."""
    return Against(host=host, variants=_variants(plan, cards))


def now() -> str:
    """Return the time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _variants(plan: Plan, cards: Mapping[str, Card]) -> dict[str, Variant]:
    return {
        name: Variant(version=card.version, card=card, scenarios={scenario: Measured() for scenario in plan.scenarios})
        for name, card in cards.items()
    }
