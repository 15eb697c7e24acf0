import math
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm
from sklearn.metrics import f1_score

from models.prove.statistics import clopper_pearson, holm, inferiority, macro_f1, mcnemar, tango, wilson


@pytest.mark.parametrize(
    ("correct", "rows", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],  # Newcombe 1998, table I, method 3
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


def test_macro_f1s_interval_is_that_of_rows_drawn_again() -> None:
    draw = np.random.default_rng(1)
    gold = draw.integers(5, size=400)
    given = np.where(draw.random(400) < 0.8, gold, draw.integers(5, size=400))
    resampled = [f1_score(gold[rows], given[rows], average="macro") for rows in draw.integers(400, size=(500, 400))]
    found = macro_f1(gold, given, 5)
    assert (found.low, found.high) == pytest.approx(np.quantile(resampled, [0.025, 0.975]).tolist(), abs=0.008)


def test_macro_f1_of_a_large_test_fits_into_memory() -> None:
    draw = np.random.default_rng(0)
    gold = draw.integers(100, size=200_000)
    given = np.where(draw.random(200_000) < 0.9, gold, draw.integers(100, size=200_000))
    tracemalloc.start()
    macro_f1(gold, given, 100)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6


@pytest.mark.parametrize(("events", "rows"), [(0, 150), (1, 270), (12, 1000), (1000, 1000)])
def test_the_exact_bound_is_the_share_at_which_so_few_are_just_unlikely(events: int, rows: int) -> None:
    bound = clopper_pearson(events, rows, 0.95)
    assert binom.cdf(events, rows, bound) == pytest.approx(1 if events == rows else 0.05)


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
        return -sum(
            count * math.log(share)
            for count, share in zip((lost, won, rows - lost - won), shares, strict=True)
            if count
        )

    bounds = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    share = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (lost - won - rows * difference) / math.sqrt(rows * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(
    ("lost", "won", "rows"), [(12, 2, 50), (1, 9, 100), (30, 25, 3000), (7, 0, 60), (0, 7, 60), (0, 0, 60)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_tango_limits_are_where_the_score_test_stops_rejecting(lost: int, won: int, rows: int, alpha: float) -> None:
    low, high = tango(lost, won, rows, alpha)
    assert low <= (lost - won) / rows <= high
    for limit, quantile in ((low, norm.ppf(1 - alpha / 2)), (high, norm.ppf(alpha / 2))):
        assert score_statistic(lost, won, rows, limit) == pytest.approx(quantile, abs=1e-3)
    assert tango(won, lost, rows, alpha) == pytest.approx((-high, -low), abs=1e-6)


@pytest.mark.parametrize(
    ("lost", "won", "rows"), [(4, 6, 3080), (40, 23, 3080), (0, 0, 300), (0, 0, 600), (30, 0, 3000), (9, 1, 400)]
)
def test_inferiority_is_refused_where_the_interval_ends_below_the_margin(lost: int, won: int, rows: int) -> None:
    for margin in (0.005, 0.01, 0.03):
        assert (inferiority(lost, won, rows, margin) < 0.025) == (tango(lost, won, rows, 0.05)[1] < margin)
    assert inferiority(lost, won, rows, (lost - won) / rows) == pytest.approx(0.5)


def test_mcnemar_is_exact() -> None:
    assert mcnemar(10, 2) == mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(0, 0) == mcnemar(5, 5) == 1


def test_holm_adjusts_in_the_order_given() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
