"""The order of the cases of an experiment's cost, and what its A/A control leaves of them."""

from collections import Counter
from typing import Any

from loadtest.serving.experimenting import AGAIN, CASES, CONNECTIONS, PLAIN, SHADOW, SPLIT, doubts, markdown, order


def one_round(number: int, **factors: float) -> dict[str, Any]:
    """A round in which each case takes so many times as long as the variant's own route."""
    return {
        case: {
            str(count): {"requests": 100, "seconds": 1.0, "p50_ms": factors.get(case, 1.0), "p99_ms": 2.0}
            for count in CONNECTIONS
        }
        for case in order(f"1.{number}")
    }


def test_every_round_has_all_cases_in_an_order_of_its_own() -> None:
    orders = [order(f"1.{number}") for number in range(50)]
    assert all(sorted(one) == sorted(CASES) for one in orders)
    assert orders[0] == order("1.0")
    assert set(Counter(one[0] for one in orders)) == set(CASES), "each comes first at times"


def test_a_quiet_control_leaves_a_cost_as_it_is() -> None:
    rounds = [one_round(number, **{SPLIT: 1.2 + number / 100}) for number in range(5)]
    assert doubts(rounds) == []
    drawn = markdown({"rounds": rounds})
    (split,) = (line for line in drawn.splitlines() if "split traffic" in line and "| 1 |" in line)
    assert "1.22 [" in split and "≈" not in split.split(" | ")[5]


def test_a_cost_that_the_control_reaches_is_marked_and_the_control_is_told() -> None:
    rounds = [one_round(number, **{AGAIN: 0.8 + number / 10, SPLIT: 1.2, SHADOW: 3.0}) for number in range(5)]
    (doubt,) = doubts(rounds)
    assert doubt.startswith("The A/A control does not contain 1, or is wider than 0.9 to 1.1, at 1 connection, p50 0.9")
    cells = [line.split(" | ") for line in markdown({"rounds": rounds}).splitlines() if line.startswith("| ")]
    lines = {one[0]: one[5] for one in cells}
    assert lines["| POST /predict, split traffic, every answer recorded"].endswith(" ≈")
    assert not lines["| POST /predict, every request shadowed by another variant"].endswith("≈")


def test_refusals_are_no_answers() -> None:
    rounds = [one_round(number, **{SPLIT: 0.1}) for number in range(5)]
    rounds[2][SPLIT]["1"] |= {"refused": 100}
    rounds[3][SHADOW]["8"] = {"requests": 0, "seconds": 1.0}
    assert doubts(rounds) == [
        "More than 1% had no answer or a refusal, which takes no time: POST /predict, split traffic, every answer "
        "recorded, 1 connection; POST /predict, every request shadowed by another variant, 8 connections."
    ]
    lines = markdown({"rounds": rounds}).splitlines()
    assert [line.endswith("| – | – | – | – | – |") for line in lines if "| POST /predict, split" in line] == [
        True,
        False,
    ]


def test_cases_that_always_had_the_same_place_are_told() -> None:
    rounds = [{case: one_round(0)[case] for case in CASES} for _ in range(5)]
    assert CASES[0] == PLAIN
    assert doubts(rounds)[0].startswith("Every round had the cases in the same order")
