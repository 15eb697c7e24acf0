import numpy as np
import pytest

from models.prove.gate import LARGEST_TEST, Paired, judge, pair, rows_to_decide
from models.recipe.recipe import Gate


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
    margins = (0.1, 0.5, 1.0, 2.0)
    assert [judge(Paired(40, 20, 3000), Gate(max_drop=margin)).verdict for margin in margins] == [
        "worse",
        "undecided",
        "undecided",
        "passed",
    ]


def test_every_verdict_is_what_its_interval_says() -> None:
    draw = np.random.default_rng(0)
    for rows, lost, won in zip(
        draw.integers(60, 5000, 200), draw.integers(0, 60, 200), draw.integers(0, 60, 200), strict=True
    ):
        found = judge(Paired(int(lost), int(won), int(rows + 120)), Gate())
        assert {"passed": found.high < 0.01, "worse": found.low > 0.01, "undecided": found.low <= 0.01 <= found.high}[
            found.verdict
        ]


@pytest.mark.parametrize("counts", [Paired(12, 6, 900), Paired(9, 9, 900), Paired(20, 4, 700), Paired(60, 20, 2600)])
def test_so_many_rows_decide_four_times_in_five_and_fewer_do_not(counts: Paired) -> None:
    draw = np.random.default_rng(0)
    shares = [counts.lost / counts.rows, counts.won / counts.rows]

    def decided(rows: int) -> float:
        drawn = draw.multinomial(rows, [*shares, 1 - sum(shares)], size=400)
        return float(
            np.mean([judge(Paired(int(lost), int(won), rows), Gate()).verdict != "undecided" for lost, won, _ in drawn])
        )

    rows = rows_to_decide(counts, Gate())
    assert counts.rows < rows < LARGEST_TEST
    assert decided(rows) == pytest.approx(0.8, abs=0.07)
    assert decided(rows // 3) < 0.65


@pytest.mark.parametrize("counts", [Paired(30, 0, 3000), Paired(101, 70, 3000), Paired(2, 1, 100)])
def test_a_drop_at_the_margin_is_decided_by_no_test(counts: Paired) -> None:
    found = judge(counts, Gate())
    assert (found.verdict, found.rows_to_decide) == ("undecided", LARGEST_TEST)
