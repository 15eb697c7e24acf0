import pytest

from loadtest.errors import LoadTestError
from loadtest.scenarios.plan import BETWEEN, QUICK_BUDGET, REPEAT_PASSES, quick_turn, repeats, rotated


def test_every_round_has_every_variant_and_each_comes_first_in_turn() -> None:
    orders = rotated(["a", "b", "c"], 6)
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert [order[0] for order in orders] == ["a", "b", "c", "a", "b", "c"]
    assert rotated(["a"], 2) == [["a"], ["a"]]


@pytest.mark.parametrize("variants", [1, 2, 5, 7, 20])
def test_quick_keeps_its_budget_for_any_number_of_variants(variants: int) -> None:
    warm_up, seconds = quick_turn(variants, 5)
    assert 0 < warm_up < seconds
    rounds = 5 + REPEAT_PASSES * repeats(5)
    assert (warm_up + seconds + BETWEEN) * variants * rounds <= QUICK_BUDGET * 1.001


def test_quick_refuses_what_it_has_no_time_for() -> None:
    with pytest.raises(LoadTestError, match="--quick has no time for 500 measurements"):
        quick_turn(100, 5)
