"""Ship or not, from the verdicts on all metrics (Schultzberg, Ankargren and Frånberg 2024, arXiv 2402.11609)."""

from collections.abc import Sequence
from enum import StrEnum

from service.evidence.difference import Verdict


class Decision(StrEnum):
    """What to do with an arm."""

    SHIP = "ship"
    DO_NOT = "do_not"
    UNDECIDED = "undecided"


def decide(success: Sequence[Verdict], guardrails: Sequence[Verdict]) -> Decision:
    """Return SHIP when one success metric at least is better and no guardrail metric is worse than its margin, DO_NOT
    when any metric is worse.
    """
    if Verdict.WORSE in [*success, *guardrails]:
        return Decision.DO_NOT
    held = all(verdict in (Verdict.BETTER, Verdict.NOT_WORSE) for verdict in guardrails)
    return Decision.SHIP if held and Verdict.BETTER in success else Decision.UNDECIDED


def alpha_each(alpha: float, *, success: int, arms: int) -> float:
    """Return the level for each success metric of each arm beside the control, so that a false ship has probability
    alpha at most over all of them (Bonferroni).

    Guardrail metrics share it with none but the other arms: all of them must hold, so more of them make a false ship
    rarer.
    """
    return alpha / (max(success, 1) * max(arms, 1))
