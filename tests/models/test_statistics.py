import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.metrics import f1_score

from models.statistics import holm, macro_f1, mcnemar, tango, wilson


@pytest.mark.parametrize(
    ("correct", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],  # Newcombe 1998, table I, method 3
)
def test_wilson_interval_as_published(correct: int, rows: int, low: float, high: float) -> None:
    found = wilson(correct, rows)
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (correct / rows, low, high)
    mirrored = wilson(rows - correct, rows)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))


@pytest.mark.parametrize(("classes", "given_classes"), [(2, 2), (7, 7), (7, 3), (20, 19)])
def test_macro_f1_equals_scikit_learns(classes: int, given_classes: int) -> None:
    draw = np.random.default_rng(classes)
    gold = draw.integers(classes, size=300)
    given = np.where(draw.random(300) < 0.7, gold, draw.integers(given_classes, size=300))
    found = macro_f1(gold, given, classes)
    assert found.value == pytest.approx(f1_score(gold, given, average="macro"))
    assert found.low < found.value < found.high
    assert macro_f1(gold, given, classes) == found


def test_macro_f1_of_perfect_and_hopeless_answers() -> None:
    gold = np.array([0, 1, 2, 0])
    assert macro_f1(gold, gold, 3).value == macro_f1(gold, gold, 3).low == 1
    assert macro_f1(gold, (gold + 1) % 3, 3).high == 0


def test_intervals_narrow_with_more_rows() -> None:
    gold = np.arange(400) % 4
    given = np.where(np.arange(400) % 10 == 0, (gold + 1) % 4, gold)
    few, many = macro_f1(gold[:40], given[:40], 4), macro_f1(gold, given, 4)
    assert many.high - many.low < few.high - few.low
    assert wilson(900, 1000).low > wilson(90, 100).low


def score_statistic(lost: int, won: int, rows: int, difference: float) -> float:
    """Tango's statistic, its nuisance parameter found by maximizing the likelihood rather than by the closed form."""

    def loss(share_won: float) -> float:
        shares = (share_won + difference, share_won, 1 - 2 * share_won - difference)
        return -sum(count * math.log(share) for count, share in zip((lost, won, rows - lost - won), shares, strict=True) if count)

    bounds = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    share = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (lost - won - rows * difference) / math.sqrt(rows * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(("lost", "won", "rows"), [(12, 2, 50), (1, 9, 100), (30, 25, 3000), (7, 0, 60), (0, 7, 60), (0, 0, 60)])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_tango_limits_are_where_the_score_test_stops_rejecting(lost: int, won: int, rows: int, alpha: float) -> None:
    low, high = tango(lost, won, rows, alpha)
    assert low <= (lost - won) / rows <= high
    for limit, quantile in ((low, norm.ppf(1 - alpha / 2)), (high, norm.ppf(alpha / 2))):
        assert score_statistic(lost, won, rows, limit) == pytest.approx(quantile, abs=1e-3)
    assert tango(won, lost, rows, alpha) == pytest.approx((-high, -low), abs=1e-6)


def test_mcnemar_is_exact() -> None:
    assert mcnemar(10, 2) == mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(0, 0) == mcnemar(5, 5) == 1


def test_holm_adjusts_in_the_order_given() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
