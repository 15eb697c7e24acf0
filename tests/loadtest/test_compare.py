from copy import deepcopy
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from loadtest.compare import main
from loadtest.figures.changes import changes
from loadtest.numbers.result import GivenUp, Measured, Result
from loadtest.numbers.run_folder import write_result
from tests.loadtest.rounds import recorded, round_of, rounds_of

Runs = tuple[Path, Path]


def slowed(result: Result, name: str, factor: float) -> Result:
    """The same run with one variant's times multiplied."""
    changed = deepcopy(result)
    for one in changed.variants[name].scenarios["SingleStream"].rounds:
        items = HdrHistogram.decode(one.histogram).get_recorded_iterator()
        one.histogram = (
            recorded({item.value_iterated_to * factor / 1000: item.count_at_value_iterated_to for item in items})
            .measurement()
            .histogram
        )
    return changed


@pytest.fixture
def steady(good_result: Result) -> Result:
    """A run whose rounds agree as they would on a quiet machine."""
    result = deepcopy(good_result)
    for variant in result.variants.values():
        for number, one in enumerate(variant.scenarios["SingleStream"].rounds):
            one.histogram = (
                recorded({(microseconds + number) / 1000: 1 for microseconds in range(1000, 1400)})
                .measurement()
                .histogram
            )
    return result


def folder(place: Path, result: Result) -> Path:
    place.mkdir()
    write_result(place, result)
    return place


def test_a_slower_variant_ends_with_1(tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = folder(tmp_path / "old", steady), folder(tmp_path / "new", slowed(steady, "int8", 1.5))
    assert main([str(old), str(new)]) == 1
    rows = [line for line in capsys.readouterr().out.split("\n") if line.endswith("| slower |")]
    assert [row.split(" | ")[0] for row in rows] == ["| int8", "| int8"]
    assert main([str(new), str(old)]) == 0
    assert "| faster |" in capsys.readouterr().out


def test_the_same_run_is_the_same(tmp_path: Path, steady: Result) -> None:
    old, new = folder(tmp_path / "old", steady), folder(tmp_path / "new", steady)
    assert main([str(old), str(new)]) == 0
    assert {change.verdict for change in changes(steady, steady)} == {"not resolved"}


def test_a_difference_within_the_tolerance_is_none_however_sure_it_is(steady: Result) -> None:
    other = slowed(steady, "int8", 1.02)
    (mean,) = [change for change in changes(steady, other) if (change.variant, change.figure) == ("int8", "mean")]
    assert mean.ratio.high < 1
    assert mean.verdict == "not resolved"
    assert "slower" in {change.verdict for change in changes(steady, other, tolerance=0.01)}


def test_slower_is_said_where_the_whole_interval_is_beyond_the_tolerance(steady: Result) -> None:
    scattered = [{1.03: 400}, {1.05: 400}, {1.06: 400}]
    old, new = deepcopy(steady), deepcopy(steady)
    old.variants["int8"].scenarios["SingleStream"].rounds = rounds_of({1.0: 400})
    new.variants["int8"].scenarios["SingleStream"].rounds = [
        round_of(times, number) for number, times in enumerate(scattered, 1)
    ]
    mean = next(change for change in changes(old, new) if (change.variant, change.figure) == ("int8", "mean"))
    assert mean.ratio.value < 1 - mean.tolerance < mean.ratio.high < 1
    assert mean.verdict == "not resolved"


def test_a_slower_machine_is_no_slower_variant(steady: Result) -> None:
    slow_machine = steady
    for name in steady.variants:
        slow_machine = slowed(slow_machine, name, 1.4)
    assert {change.verdict for change in changes(steady, slow_machine)} == {"slower"}
    assert {change.verdict for change in changes(steady, slow_machine, relative=True)} == {"not resolved"}


def test_other_baselines_are_nothing_to_be_relative_to(
    tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    other = deepcopy(steady)
    other.run.baseline = "int8"
    old, new = folder(tmp_path / "old", steady), folder(tmp_path / "new", other)
    for more in ((), ("--anyway",)):
        assert main([str(old), str(new), "--relative", *more]) == 2
        assert "the baselines of the runs are 'teacher' and 'int8'; expected one" in capsys.readouterr().err
    assert main([str(old), str(new)]) == 0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("conditions", "machine", "cpu"), "another", "differ in their cpu"),
        (("conditions", "corpus", "sha256"), "another", "differ in their texts"),
        (("conditions", "bursts"), "5,1,10", "differ in their bursts"),
        (("conditions", "generator", "pinned"), True, "differ in their pinning"),
        (("conditions", "server_cores"), 64, "differ in their server's cores"),
        (("run", "offline", "texts"), 1, "differ in their Offline requests"),
        (("run", "seconds"), 9.0, "differ in their seconds of a round"),
        (("run", "warm_up"), 9.0, "differ in their seconds of warm-up"),
        (("conditions", "timeout_seconds"), 9.0, "differ in their timeout in seconds"),
        (("conditions", "generator", "processes"), 9, "differ in their generator processes"),
        (("conditions", "limit_ms"), 9.0, "differ in their limit in ms"),
        (("run", "seed"), 9, "differ in their seed"),
        (("conditions", "same_machine"), False, "differ in their service on the generator's machine"),
        (("conditions", "host"), "https://127.0.0.1:1", "differ in their TLS"),
        (("conditions", "corpus", "labels_checked"), False, "differ in their checking of labels"),
        (("conditions", "generator", "remote"), True, "differ in their generator on other machines"),
        (
            ("variants", "int8", "scenarios", "SingleStream", "rounds"),
            [],
            "not fit to compare by: This run has no answer at all of int8",
        ),
        (("run", "complete"), False, "not fit to compare by: This run is incomplete"),
        (("variants", "int8", "failures"), {"5xx": 1}, "not fit to compare by: This run has 1 failed answer"),
    ],
)
def test_runs_that_differ_in_more_are_refused(
    tmp_path: Path, steady: Result, path: tuple[str, ...], value: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = steady.model_dump()
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    other = Result.model_validate(content)
    old, new = folder(tmp_path / "old", steady), folder(tmp_path / "new", other)
    assert main([str(old), str(new)]) == 2
    complained = capsys.readouterr().err
    assert said in complained
    assert complained.count("\n") == 1
    assert main([str(old), str(new), "--anyway"]) == 0
    if "differ in" in said:
        assert said in capsys.readouterr().err


def test_all_conditions_that_differ_are_named(
    tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    other = deepcopy(steady)
    other.run.seed, other.conditions.bursts = 9, "5,1,10"
    assert main([str(folder(tmp_path / "old", steady)), str(folder(tmp_path / "new", other))]) == 2
    assert "differ in their seed (1, 9), bursts (none, 5,1,10); give --anyway" in capsys.readouterr().err


@pytest.mark.parametrize("tolerance", ["1", "-0.1", "nan"])
def test_a_tolerance_that_is_no_share_is_refused(
    tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str], tolerance: str
) -> None:
    run = str(folder(tmp_path / "run", steady))
    assert main([run, run, "--tolerance", tolerance]) == 2
    assert capsys.readouterr().err == f"error: --tolerance is {tolerance}; expected a share, from 0 to below 1\n"


def searched(result: Result, *, p99_ms: float = 5.0, **rates: tuple[float, float | None]) -> Result:
    """The same run with what the search for Server's rate gave, and three rounds at it with that p99."""
    changed = deepcopy(result)
    changed.conditions.limit_ms = 10.0
    rounds = rounds_of({p99_ms: 1000})
    for name, (passed, failed) in rates.items():
        changed.variants[name].scenarios["Server"] = Measured(
            passed=passed, failed=failed, rate=passed, rounds=rounds if passed else []
        )
    return changed


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((100.0, 108.0), (90.0, 96.0), "slower"),
        ((100.0, 108.0), (93.0, 99.0), "not resolved"),
        ((100.0, 108.0), (0.0, 0.5), "slower"),
        ((0.0, 0.5), (100.0, 108.0), "faster"),
        ((100.0, 108.0), (120.0, None), "faster"),
        ((100.0, None), (120.0, 130.0), "not resolved"),
    ],
)
def test_a_rate_changed_when_the_bounds_of_both_runs_say_so(
    steady: Result, before: tuple[float, float | None], after: tuple[float, float | None], verdict: str
) -> None:
    found = changes(searched(steady, int8=before), searched(steady, int8=after))
    assert [(change.variant, change.verdict, change.p) for change in found if change.scenario == "Server"] == [
        ("int8", verdict, None)
    ]


def verdicts(old: Result, new: Result) -> list[str]:
    return [change.verdict for change in changes(old, new) if change.scenario == "Server"]


def test_a_rate_that_the_rounds_left_undecided_is_no_bound(steady: Result) -> None:
    old, new = searched(steady, int8=(100.0, 108.0)), searched(steady, int8=(80.0, 90.0))
    assert verdicts(old, new) == ["slower"]
    old.variants["int8"].scenarios["Server"].rounds = old.variants["int8"].scenarios["Server"].rounds[:2]
    assert verdicts(old, new) == ["not resolved"]
    assert verdicts(new, old) == ["not resolved"]


def test_a_rate_that_every_round_broke_is_too_much(steady: Result) -> None:
    old, new = searched(steady, int8=(100.0, 160.0)), searched(steady, p99_ms=30.0, int8=(90.0, 150.0))
    assert verdicts(old, new) == ["slower"]


@pytest.mark.parametrize(("share", "verdict"), [(0.05, "slower"), (0.011, "not resolved")])
def test_a_rate_that_was_given_up_is_a_bound_where_it_was_clearly_too_much(
    steady: Result, share: float, verdict: str
) -> None:
    old, new = searched(steady, int8=(100.0, 108.0)), searched(steady, int8=(100.0, 108.0))
    server = new.variants["int8"].scenarios["Server"]
    server.rate, server.rounds, server.given_up = 72.0, [], [GivenUp(rate=90.0, share_above_limit=share)]
    assert verdicts(old, new) == [verdict]


def test_rates_under_different_limits_are_not_compared_even_anyway(steady: Result) -> None:
    old, new = searched(steady, int8=(100.0, 108.0)), searched(steady, int8=(50.0, 54.0))
    new.conditions.limit_ms = 20.0
    assert verdicts(old, new) == []


def test_what_the_intervals_do_not_cover_is_said(
    tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder(tmp_path / "old", steady)), str(folder(tmp_path / "new", steady))]) == 0
    said = capsys.readouterr().out
    assert "not what differs from one run to the next" in said
    assert "python -m loadtest.run --host NEW --against OLD" in said


def test_a_slower_machine_lowers_every_rate_and_changes_no_relative_one(steady: Result) -> None:
    old, new = (
        searched(steady, teacher=(50.0 * speed, 51.0 * speed), int8=(100.0 * speed, 102.0 * speed))
        for speed in (1.0, 0.7)
    )
    assert {change.verdict for change in changes(old, new) if change.scenario == "Server"} == {"slower"}
    assert {change.verdict for change in changes(old, new, relative=True) if change.scenario == "Server"} == {
        "not resolved"
    }


def test_a_variant_or_figure_that_one_run_lacks_is_named(
    tmp_path: Path, steady: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = deepcopy(steady)
    del fewer.variants["tiny"]
    assert main([str(folder(tmp_path / "old", steady)), str(folder(tmp_path / "new", fewer))]) == 2
    assert "the new run lacks tiny;" in capsys.readouterr().err
    del steady.variants["int8"].scenarios["SingleStream"].rounds[1:]
    assert main([str(tmp_path / "old"), str(folder(tmp_path / "short", steady))]) == 2
    assert "the new run lacks int8 SingleStream mean;" in capsys.readouterr().err


def test_nothing_in_common_is_refused(tmp_path: Path, steady: Result) -> None:
    other = deepcopy(steady)
    other.variants = {"elsewhere": other.variants["int8"]}
    assert main([str(folder(tmp_path / "old", steady)), str(folder(tmp_path / "new", other))]) == 2
    assert main([str(tmp_path / "old"), str(tmp_path / "none")]) == 2
