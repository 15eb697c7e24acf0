import numpy as np
import pytest

from models.gate import Paired, judge, pair, rows_to_decide
from models.recipe import Gate


def test_discordant_rows_are_counted() -> None:
    gold, teacher, variant = np.array([0, 1, 2, 3, 0]), np.array([0, 1, 2, 0, 1]), np.array([0, 2, 1, 3, 2])
    assert pair(gold, teacher, variant) == Paired(lost=2, won=1, rows=5)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (Paired(0, 0, 3000), "passed"),
        (Paired(20, 18, 3000), "passed"),
        (Paired(5, 60, 3000), "passed"),
        (Paired(150, 20, 3000), "worse"),
        (Paired(40, 20, 3000), "undecided"),
        (Paired(0, 0, 50), "undecided"),
        (Paired(50, 0, 50), "worse"),
    ],
)
def test_verdicts(counts: Paired, verdict: str) -> None:
    found = judge(counts, Gate())
    assert found.verdict == verdict
    assert found.low <= found.drop <= found.high
    assert found.drop == (counts.lost - counts.won) / counts.rows
    assert (found.rows_to_decide > counts.rows) == (verdict == "undecided")


def test_the_margin_decides() -> None:
    assert [judge(Paired(40, 20, 3000), Gate(max_drop=margin)).verdict for margin in (0.5, 1.0, 2.0)] == ["worse", "undecided", "passed"]


def test_so_many_rows_decide_and_one_less_does_not() -> None:
    counts = Paired(12, 6, 900)
    rows = rows_to_decide(counts, Gate())
    for number, decided in ((rows, True), (rows - 1, False)):
        scaled = Paired(round(12 * number / 900), round(6 * number / 900), number)
        if scaled.lost * 900 == 12 * number:
            assert (judge(scaled, Gate()).verdict != "undecided") == decided
    assert judge(Paired(round(24 * rows / 900), round(12 * rows / 900), 2 * rows), Gate()).verdict == "passed"
