import pytest

from service.evidence.decision import Decision, alpha_each, decide
from service.evidence.difference import Verdict

BETTER, NOT_WORSE, WORSE, UNDECIDED = Verdict


@pytest.mark.parametrize(
    ("success", "guardrails", "decision"),
    [
        ([BETTER], [NOT_WORSE], Decision.SHIP),
        ([BETTER], [BETTER, NOT_WORSE], Decision.SHIP),
        ([BETTER], [], Decision.SHIP),
        ([BETTER, UNDECIDED], [NOT_WORSE], Decision.SHIP),
        ([BETTER], [UNDECIDED], Decision.UNDECIDED),
        ([NOT_WORSE], [NOT_WORSE], Decision.UNDECIDED),
        ([], [BETTER], Decision.UNDECIDED),
        ([BETTER], [WORSE], Decision.DO_NOT),
        ([BETTER, WORSE], [NOT_WORSE], Decision.DO_NOT),
        ([WORSE], [], Decision.DO_NOT),
    ],
)
def test_ship_needs_a_better_success_metric_and_sound_guardrails(
    success: list[Verdict], guardrails: list[Verdict], decision: Decision
) -> None:
    assert decide(success, guardrails) is decision


def test_success_metrics_and_arms_share_alpha() -> None:
    assert alpha_each(0.05, success=1, arms=1) == 0.05
    assert alpha_each(0.05, success=2, arms=2) == pytest.approx(0.0125)
    assert alpha_each(0.05, success=0, arms=1) == 0.05
