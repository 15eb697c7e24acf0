from copy import deepcopy

from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Gate, GivenUp, Result
from loadtest.numbers.text import megabytes
from loadtest.scenarios.scenario import Table
from loadtest.show import table as tables


def markdown(result: Result) -> str:
    return tables.markdown(Comparison(result))


def sections(result: Result) -> dict[str, Table]:
    return tables.sections(Comparison(result))


def table(result: Result) -> list[str]:
    """The lines of the table, without what stands above it about a busy machine."""
    return [line for line in markdown(result).split("\n") if line.startswith("|")]


def test_a_row_for_each_variant_with_as_many_cells_as_titles(good_result: Result) -> None:
    lines = table(good_result)
    assert len(lines) == 2 + 3
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3].startswith("| int8 | 92.00 % [91.0, 93.0] | – | 22 MB |")


def test_a_figure_that_its_count_cannot_carry_is_left_empty(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.variants["tiny"].scenarios["SingleStream"].rounds = []
    assert table(result)[-1].count("| – ") == 8


def test_failures_stand_above_and_in_the_table(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.variants["int8"].failures = {"wrong_label": 2, "5xx": 1}  # these of another scenario
    result.variants["int8"].scenarios["SingleStream"].rounds[0].failures = {"wrong_label": 2}
    lines = markdown(result).split("\n")
    assert lines[0] == "**This run has 3 failed answers (int8: 2 wrong_label, 1 5xx).**"
    assert "| 2 wrong_label |" in markdown(result)


def test_sizes() -> None:
    assert [megabytes(size) for size in (90_900_000, 14_400_000, 3_300_000, 90_000)] == [
        "91 MB",
        "14 MB",
        "3.3 MB",
        "0.09 MB",
    ]


def test_each_scenario_has_a_table_of_its_own(full_result: Result) -> None:
    shown = sections(full_result)
    assert list(shown) == ["SingleStream", "Server", "Offline"]
    for heads, rows in shown.values():
        assert [row[0] for row in rows] == ["teacher", "tiny"]
        assert all(len(row) == len(heads) for row in rows)
    assert shown["Server"][0][1] == "rate/s, p99 ≤ 60 ms"


def test_a_service_that_sustains_nothing_has_a_row_of_dashes(full_result: Result) -> None:
    result = deepcopy(full_result)
    server = result.variants["tiny"].scenarios["Server"]
    server.passed, server.failed, server.rate, server.rounds = 0.0, 0.5, 0.0, []
    heads, rows = sections(result)["Server"]
    assert rows[1][:5] == ["tiny", "–", "–", "0", "0.5"]
    assert len(rows[1]) == len(heads)
    server.p99_alone_ms = 71.5
    assert sections(result)["Server"][1][1][3] == "none: alone its p99 is 71.5 ms"


def test_a_rate_that_was_given_up_stands_beside_the_one_that_was_kept(full_result: Result) -> None:
    result = deepcopy(full_result)
    server = result.variants["tiny"].scenarios["Server"]
    server.passed, server.rate, server.given_up = 200.0, 144.0, [GivenUp(rate=180.0, share_above_limit=0.04)]
    assert sections(result)["Server"][1][1][5].startswith("180 ✗ given up, 144 ")


def test_what_the_gate_said_stands_beside_the_accuracy(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.variants["int8"].card.gate = Gate(verdict="worse")
    result.variants["tiny"].card.gate = Gate(verdict="passed", withheld="A third of the test rows was trained on.")
    heads, rows = sections(result)["SingleStream"]
    assert [row[heads.index("gate")] for row in rows] == ["–", "worse", "withheld"]


def test_one_round_has_figures_and_says_that_it_has_no_interval(good_result: Result) -> None:
    result = deepcopy(good_result)
    for variant in result.variants.values():
        del variant.scenarios["SingleStream"].rounds[1:]
    heads, rows = sections(result)["SingleStream"]
    assert all(row[heads.index("texts/s [95 %]")].endswith(" [–]") for row in rows)
