from copy import deepcopy
from typing import Any

import pytest

from loadtest.recording import Recording
from loadtest.summary import control, doubts, faults, summaries, warnings


def test_figures_come_from_all_rounds(good_result: dict[str, Any]) -> None:
    rows = {row.name: row for row in summaries(good_result)}
    rounds = good_result["variants"]["int8"]["scenarios"]["SingleStream"]["rounds"]
    assert rows["int8"].answers == sum(one["right"] for one in rounds)
    assert rows["int8"].accuracy == 0.92
    assert rows["int8"].failures == {}


def test_the_baseline_is_as_fast_as_itself_and_the_slower_teacher_is_seen(good_result: dict[str, Any]) -> None:
    rows = {row.name: row for row in summaries(good_result)}
    assert rows["teacher"].ratio is not None
    assert (rows["teacher"].ratio.low, rows["teacher"].ratio.high) == (1.0, 1.0)
    assert rows["int8"].ratio is not None
    assert rows["int8"].ratio.value > 1


def test_rounds_that_are_missing_leave_the_others_comparable(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    del result["variants"]["int8"]["scenarios"]["SingleStream"]["rounds"][0]
    result["variants"]["tiny"]["scenarios"]["SingleStream"]["rounds"] = []
    rows = {row.name: row for row in summaries(result)}
    assert rows["int8"].ratio is not None
    assert (rows["tiny"].answers, rows["tiny"].rate, rows["tiny"].ratio) == (0, None, None)


def test_warnings_name_what_happened(good_result: dict[str, Any]) -> None:
    assert warnings(good_result) == []
    result = deepcopy(good_result)
    result["variants"]["int8"]["failures"] = {"late": 1200, "5xx": 1}
    result["run"] |= {"complete": False, "stopped": "it was interrupted after 2 of 9 measurements"}
    assert warnings(result) == [
        "This run is incomplete: it was interrupted after 2 of 9 measurements.",
        "This run has 1,201 failed answers (int8: 1,200 late, 1 5xx).",
    ]


def test_server_has_a_search_and_offline_a_throughput(full_result: dict[str, Any]) -> None:
    server = {row.name: row for row in summaries(full_result, "Server")}
    for name, row in server.items():
        kept = full_result["variants"][name]["scenarios"]["Server"]
        assert row.search is not None
        assert row.search.confirmed is None  # so short a run has too few answers to decide
        assert (row.search.passed, row.search.failed) == (kept["passed"], kept["failed"])
        assert row.ratio is None
    offline = {row.name: row for row in summaries(full_result, "Offline")}
    assert all(row.rate is not None and row.rate > 0 for row in offline.values())


@pytest.mark.parametrize(("slow", "confirmed"), [(0, True), (12, None), (60, False)])
def test_a_rate_is_confirmed_by_the_whole_interval_of_its_p99(full_result: dict[str, Any], slow: int, confirmed: bool | None) -> None:
    result = deepcopy(full_result)
    recording = Recording()
    for _ in range(1200 - slow):
        recording.add(1_000_000)
    for _ in range(slow):
        recording.add(100_000_000)
    one = {"round": 1, "seconds": 1.0, **recording.to_json()}
    result["variants"]["tiny"]["scenarios"]["Server"] |= {"rounds": [one], "rate": 90.0}
    row = {row.name: row for row in summaries(result, "Server")}["tiny"]
    assert row.search is not None
    assert row.search.confirmed is confirmed
    assert row.search.promised == (90.0 if confirmed else None)
    assert (row.cost is not None) == (confirmed is True)


def test_the_control_is_compared_with_the_baseline(full_result: dict[str, Any], good_result: dict[str, Any]) -> None:
    assert control(full_result) is not None
    assert control(good_result) is None


def test_a_control_that_failed_or_gave_nothing_is_a_doubt_and_no_fault(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    result["run"]["control"] = {"variant": "teacher", "rounds": []}
    assert doubts(result) == ["This run proves nothing: its A/A control has too few answers."]
    result["run"]["control"]["rounds"] = result["variants"]["tiny"]["scenarios"]["SingleStream"]["rounds"]
    assert "against itself came out as" in doubts(result)[0]
    assert faults(result) == []


def test_a_planned_scenario_without_an_answer_is_a_fault_unless_no_rate_is_sustained(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    result["run"]["scenarios"] = ["SingleStream", "Server", "Ramp"]
    for name, passed in (("teacher", 0.0), ("int8", 50.0), ("tiny", 0.0)):
        result["variants"][name]["scenarios"]["Server"] = {"passed": passed, "rounds": []}
    assert faults(result) == ["This run has no answer at all of int8 in Server, int8 in Ramp."]


def test_a_rate_that_was_offered_and_not_achieved_is_a_doubt(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    for name, achieved in (("teacher", 99.0), ("int8", 97.0)):
        result["variants"][name]["scenarios"]["Server"] = {"rounds": [{"offered": 100.0, "achieved": achieved}]}
    assert doubts(result) == ["Server's rates were not achieved, of what was offered: int8 97.0%."]
