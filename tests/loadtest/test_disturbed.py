from collections import Counter
from copy import deepcopy
from typing import Any

import pytest

from loadtest.disturbed import calmer, factor, is_disturbed, with_repeats
from loadtest.result import CONTROL, rounds_at
from loadtest.schedule import Turn

PUBLISHED = [77.8, 76.6, 155.3, 161.9, 76.6]  # µs a request in the five SingleStream rounds of a published run, whose third and fourth were slow


def measured(number: int, cpu_us: float, requests: int = 1000) -> dict[str, Any]:
    return {"round": number, "requests": requests, "seconds": 2.0, "generator": {"cpu_share": cpu_us * requests / 2e6}}


def result(**rounds: list[float]) -> dict[str, Any]:
    kept = {name: {"scenarios": {"SingleStream": {"rounds": [measured(place, cpu) for place, cpu in enumerate(given, 1)]}}} for name, given in rounds.items()}
    return {"run": {"control": {"rounds": [measured(place, 150.0) for place in range(1, 6)]}}, "variants": kept}


def turns(*names: str, scenario: str = "SingleStream") -> list[Turn]:
    return [Turn(scenario, number, place, name) for number in range(1, 6) for place, name in enumerate(names, 1)]


def test_rounds_whose_requests_cost_the_generator_twice_as_much_are_out_of_line() -> None:
    rounds = [measured(place, cpu) for place, cpu in enumerate(PUBLISHED, 1)]
    assert [is_disturbed(one, rounds) for one in rounds] == [False, False, True, True, False]
    assert factor(rounds[3], rounds) == pytest.approx(161.9 / 76.6)


def test_a_few_requests_or_an_unknown_generator_tell_nothing() -> None:
    rounds = [measured(1, 80.0), measured(2, 800.0, requests=99), {**measured(3, 0.0), "generator": {}}]
    assert [is_disturbed(one, rounds) for one in rounds] == [False, False, False]


def test_they_are_measured_again_after_the_scenarios_last_round_the_worst_first_and_so_often_at_most() -> None:
    kept = result(nano=PUBLISHED, pruned=[90.0, 90.0, 300.0, 90.0, 90.0])
    planned = [*turns("nano", "pruned", CONTROL), *turns("nano", scenario="Offline")]
    taken = list(with_repeats(planned, kept))
    assert [turn for turn in taken if not turn.again] == planned
    repeats = [(turn.variant, turn.round) for turn in taken if turn.again]
    assert repeats == [("pruned", 3), ("nano", 4)] * 2  # two of fifteen, twice, as nothing became better
    assert max(Counter(repeats).values()) == 2
    assert all(turn.scenario == "SingleStream" for turn in taken[:19])


def test_a_quiet_run_repeats_nothing() -> None:
    planned = turns("nano")
    assert list(with_repeats(planned, result(nano=[80.0, 100.0, 110.0, 85.0, 80.0]))) == planned


@pytest.mark.parametrize(("second", "kept_cpu"), [(80.0, 80.0), (190.0, 161.9)])
def test_the_generators_cpu_time_decides_which_is_kept_and_the_other_stays_with_the_reason(second: float, kept_cpu: float) -> None:
    rounds = rounds_at(result(nano=PUBLISHED), "SingleStream", "nano")
    first, again = deepcopy(rounds[3]), measured(4, second)
    better = calmer(rounds[3], again, rounds)
    assert better["generator"]["cpu_share"] == pytest.approx(kept_cpu * 1000 / 2e6)
    (other,) = better["repeats"]
    assert other["why"] == "measured again: the generator's CPU time a request was 2.1 times the lowest of this variant's rounds"
    assert {key: value for key, value in other.items() if key != "why"} == (first if second == kept_cpu else again)
    third = calmer(better, measured(4, 78.0), rounds)
    assert [len(third["repeats"]), "repeats" in third["repeats"][1]] == [2, False]
