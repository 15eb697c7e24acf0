import numpy as np
import pytest

from service.evidence.paired import paired
from service.evidence.simulate.looks import NEVER, first_look, look_after_each
from service.evidence.simulate.worlds import Claim, claims, refuted

VALUES = np.array([1.0, -1.0, 0.0])
MARGIN = 0.05


def drawn(worse: float, better: float, *, experiments: int = 3, labels: int = 250) -> np.ndarray:
    chances = [worse, better, 1 - worse - better]
    return np.random.default_rng(0).choice(3, p=chances, size=(experiments, labels))


def by_hand(outcomes: np.ndarray, evidence: tuple[str, ...]) -> int:
    """The first look after which `paired` itself has enough."""
    counts = [0, 0, 0]
    for look, outcome in enumerate(outcomes, 1):
        counts[outcome] += 1
        found = paired(*counts, margin=MARGIN, alpha=0.05)
        if any(getattr(found, name) >= 40 for name in evidence):
            return look
    return NEVER


@pytest.mark.parametrize(
    ("against", "evidence", "worse", "better"),
    [
        (claims(None), ("e_no_drop", "e_gain"), 0.15, 0.05),
        (claims(None), ("e_no_drop", "e_gain"), 0.05, 0.15),
        (claims(MARGIN), ("e_margin",), 0.01, 0.01),
    ],
)
def test_all_looks_at_once_are_what_the_verdict_says_at_each(
    against: list[Claim], evidence: tuple[str, ...], worse: float, better: float
) -> None:
    outcomes = drawn(worse, better)
    looks = refuted(outcomes, VALUES, against, 0.05)
    assert (looks != NEVER).any()
    assert looks.tolist() == [by_hand(row, evidence) for row in outcomes]


def test_the_ends_of_runs_miss_nothing() -> None:
    outcomes = drawn(0.3, 0.2)

    def capital(counts: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.3 * counts[:, 0] - 0.4 * counts[:, 1], 0.02 * counts[:, 2] - 0.5 * counts[:, 1])

    counts = np.cumsum(outcomes[..., None] == np.arange(3), axis=1)
    each = np.stack([capital(row) for row in counts])
    for enough in (1.0, 3.0, 6.0):
        assert look_after_each(outcomes, 3, capital, enough).tolist() == first_look(each >= enough).tolist()
