import pytest

from loadtest.arguments import plan_of, read_arguments
from loadtest.errors import LoadTestError
from loadtest.result import CONTROL
from loadtest.schedule import ALL, BETWEEN, PAIRED, QUICK_BUDGET, RAMP_SHARES, quick_turn, rotated, turns


def test_every_round_has_every_variant_and_each_comes_first_in_turn() -> None:
    orders = rotated(["a", "b", "c"], 6)
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert [order[0] for order in orders] == ["a", "b", "c", "a", "b", "c"]
    assert rotated(["a"], 2) == [["a"], ["a"]]


@pytest.mark.parametrize("variants", [1, 2, 5, 7, 20])
def test_quick_keeps_its_budget_for_any_number_of_variants(variants: int) -> None:
    warm_up, seconds = quick_turn(variants, 5)
    assert 0 < warm_up < seconds
    assert (warm_up + seconds + BETWEEN) * variants * 5 <= QUICK_BUDGET * 1.001


def test_quick_refuses_what_it_has_no_time_for() -> None:
    with pytest.raises(LoadTestError, match="--quick has no time for 500 measurements"):
        quick_turn(100, 5)


def test_all_steps_of_a_run_in_their_order() -> None:
    plan = plan_of(read_arguments(["--rounds", "3"]), ["a", "b"])
    steps = turns(plan, ["a", "b"], "a")
    assert list(dict.fromkeys(step.scenario for step in steps)) == ["SingleStream", "limit", "search", "Server", "Offline", "Ramp"]
    assert [step.variant for step in steps[:4]] == ["a", "b", CONTROL, "b"]
    counted = {scenario: sum(step.scenario == scenario for step in steps) for scenario in ("search", *ALL)}
    assert counted == {"search": 2, "SingleStream": 9, "Server": 6, "Offline": 6, "Ramp": 2 * len(RAMP_SHARES)}
    given = plan_of(read_arguments(["--rounds", "3", "--p99-limit", "20"]), ["a", "b"])
    assert "limit" not in {step.scenario for step in turns(given, ["a", "b"], "a")}


def test_two_services_have_every_variant_side_by_side_and_the_first_word_in_turns() -> None:
    plan = plan_of(read_arguments(["--rounds", "2", "--against", "elsewhere"]), ["a", "b"])
    steps = [(step.round, step.variant, step.there) for step in turns(plan, ["a", "b"], "a") if step.scenario == "SingleStream"]
    first, second = ([step[1:] for step in steps if step[0] == number] for number in (1, 2))
    assert first == [("a", False), ("a", True), ("b", False), ("b", True), (CONTROL, False)]
    assert second == [("b", True), ("b", False), (CONTROL, False), ("a", True), ("a", False)]
    assert {step.scenario for step in turns(plan, ["a", "b"], "a")} == set(PAIRED)
