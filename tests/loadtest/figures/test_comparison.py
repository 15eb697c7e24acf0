from copy import deepcopy

import pytest

from loadtest.figures.comparison import Comparison
from loadtest.figures.doubts import control, doubts, faults, is_narrow
from loadtest.numbers.intervals import Interval
from loadtest.numbers.result import Control, Measured, Result, Round
from loadtest.scenarios.registry import BY_NAME
from loadtest.scenarios.summary import Summary
from tests.loadtest.rounds import round_of, rounds_of


def rows_of(result: Result, scenario: str = "SingleStream") -> dict[str, Summary]:
    return {row.name: row for row in Comparison(result).rows(BY_NAME[scenario])}


def warnings(result: Result) -> list[str]:
    return Comparison(result).warnings


def test_figures_come_from_all_rounds(good_result: Result) -> None:
    rows = rows_of(good_result)
    rounds = good_result.variants["int8"].scenarios["SingleStream"].rounds
    assert rows["int8"].answers == sum(one.right for one in rounds)
    assert rows["int8"].accuracy == 0.92
    assert rows["int8"].failures == {}


def test_the_baseline_is_as_fast_as_itself_and_the_slower_teacher_is_seen(good_result: Result) -> None:
    rows = rows_of(good_result)
    assert rows["teacher"].ratio is not None
    assert (rows["teacher"].ratio.low, rows["teacher"].ratio.high) == (1.0, 1.0)
    assert rows["int8"].ratio is not None
    assert rows["int8"].ratio.value == pytest.approx(4.0, rel=1e-3)


def test_rounds_that_are_missing_leave_the_others_comparable(good_result: Result) -> None:
    result = deepcopy(good_result)
    del result.variants["int8"].scenarios["SingleStream"].rounds[0]
    result.variants["tiny"].scenarios["SingleStream"].rounds = []
    rows = rows_of(result)
    assert rows["int8"].ratio is not None
    assert (rows["tiny"].answers, rows["tiny"].rate, rows["tiny"].ratio) == (0, None, None)


def test_warnings_name_what_happened(good_result: Result) -> None:
    assert warnings(good_result) == []
    result = deepcopy(good_result)
    result.variants["int8"].failures = {"late": 1200, "5xx": 1}
    result.run.complete, result.run.stopped = False, "it was interrupted after 2 of 9 measurements"
    assert warnings(result) == [
        "This run is incomplete: it was interrupted after 2 of 9 measurements.",
        "This run has 1,201 failed answers (int8: 1,200 late, 1 5xx).",
    ]


def test_server_has_a_search_and_offline_a_throughput(full_result: Result) -> None:
    server = rows_of(full_result, "Server")
    for name, row in server.items():
        kept = full_result.variants[name].scenarios["Server"]
        assert row.search is not None
        assert row.search.confirmed is None  # so short a run has too few answers to decide
        assert (row.search.passed, row.search.failed) == (kept.passed, kept.failed)
        assert row.ratio is None
    offline = rows_of(full_result, "Offline")
    assert [row.rate for row in offline.values()] == pytest.approx([20_000 / 3.0, 20_000 / 1.5])


def with_p99(*p99s: float) -> list[Round]:
    """Rounds of a thousand answers, two in a hundred of which take as many milliseconds as is said, the others one."""
    return [round_of({1.0: 980, p99: 20}, number) for number, p99 in enumerate(p99s, 1)]


@pytest.mark.parametrize(
    ("p99s", "confirmed"),
    [
        ((5, 6, 5), True),
        ((3.4, 56, 50, 3.0, 3.0), None),
        ((5, 6), None),
        ((56, 70, 61), False),
        ((34, 35, 12.0, 34, 58.0), None),
    ],
)
def test_a_rate_is_promised_and_priced_only_where_every_round_kept_the_limit(
    full_result: Result, p99s: tuple[float, ...], confirmed: bool | None
) -> None:
    result = deepcopy(full_result)
    result.conditions.limit_ms = 50.0
    server = result.variants["tiny"].scenarios["Server"]
    server.rounds, server.rate = with_p99(*p99s), 90.0
    row = rows_of(result, "Server")["tiny"]
    assert row.search is not None
    assert row.search.confirmed is confirmed
    assert row.search.promised == (90.0 if confirmed else None)
    assert (row.cost is not None) == (confirmed is True)


def test_a_percentile_is_the_rounds_mean_with_their_spread_and_that_of_all_answers_without_one(
    good_result: Result,
) -> None:
    result = deepcopy(good_result)
    scenario = result.variants["tiny"].scenarios["SingleStream"]
    scenario.rounds = with_p99(3.4, 56, 50, 3.0, 3.0)
    tiny = rows_of(result)["tiny"]
    over = tiny.intervals[99.0]
    assert over is not None
    assert over.low < 3 < over.value == tiny.times[99.0] < 50 < over.high
    scenario.rounds = rounds_of({1.0: 400}, 4)
    tiny = rows_of(result)["tiny"]
    assert (tiny.times[99.0], tiny.intervals[99.0]) == (1.0, None)
    assert tiny.intervals[95.0] is not None


def test_a_cascade_whose_median_is_its_small_parts_is_not_faster_than_it(good_result: Result) -> None:
    result = deepcopy(good_result)
    for name, (share, slow) in {
        "int8": (0.0, 1.0),
        "tiny": (0.1, 4.0),
        "teacher": (0.0, 5.0),
    }.items():  # tiny asks int8, and in a tenth of the cases another
        often, quick = round(1000 * share), 0.999 if name == "tiny" else 1.0
        result.variants[name].scenarios["SingleStream"].rounds = rounds_of(
            {slow: 1000} if name == "teacher" else {slow: often, quick: 1000 - often}
        )
    rows = rows_of(result)
    assert rows["tiny"].times[50.0] < rows["int8"].times[50.0]  # type: ignore[operator]
    assert rows["tiny"].ratio is not None and rows["int8"].ratio is not None
    assert rows["tiny"].ratio.value < rows["int8"].ratio.value


def test_the_control_is_compared_with_the_baseline(full_result: Result, good_result: Result) -> None:
    assert control(full_result) is not None
    assert control(good_result) is None


@pytest.mark.parametrize(
    ("interval", "narrow"),
    [
        ((1.0, 0.99, 1.02), True),
        ((1.0, 0.91, 1.1), True),
        ((1.0, 0.85, 1.18), False),
        ((1.0, 0.95, 1.12), False),
        ((1.03, 1.01, 1.05), False),
    ],
)
def test_a_control_must_contain_1_and_be_narrow(interval: tuple[float, float, float], narrow: bool) -> None:
    assert is_narrow(Interval(*interval)) is narrow


def test_a_control_that_is_wide_proves_nothing(good_result: Result) -> None:
    result = deepcopy(good_result)
    rounds = result.variants["teacher"].scenarios["SingleStream"].rounds = with_p99(3, 3, 3)
    result.run.control = Control(variant="teacher", rounds=deepcopy(rounds))
    assert doubts(result) == []
    result.run.control.rounds = with_p99(3, 30, 3)  # a mean of 1.04, 1.58 and 1.04 ms
    (doubt,) = doubts(result)
    assert "which should contain 1 and lie within 0.9 to 1.1" in doubt


def test_a_control_that_failed_or_gave_nothing_is_a_doubt_and_no_fault(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.run.control = Control(variant="teacher")
    assert doubts(result) == ["This run proves nothing: its A/A control has too few rounds or answers for an interval."]
    result.run.control.rounds = result.variants["tiny"].scenarios["SingleStream"].rounds
    assert "against itself came out as" in doubts(result)[0]
    assert faults(result) == []


def test_a_planned_scenario_without_an_answer_is_a_fault_unless_no_rate_is_sustained(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.run.scenarios = ["SingleStream", "Server", "Ramp"]
    for name, passed in (("teacher", 0.0), ("int8", 50.0), ("tiny", 0.0)):
        result.variants[name].scenarios["Server"] = Measured(passed=passed)
    assert faults(result) == ["This run has no answer at all of int8 in Server, int8 in Ramp."]


def test_a_rate_that_was_offered_and_not_achieved_is_a_doubt(good_result: Result) -> None:
    result = deepcopy(good_result)
    for name, achieved in (("teacher", 99.0), ("int8", 97.0)):
        result.variants[name].scenarios["Server"] = Measured(rounds=[Round(offered=100.0, achieved=achieved)])
    assert doubts(result) == ["Server's rates were not achieved, of what was offered: int8 97.0%."]
