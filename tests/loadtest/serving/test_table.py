from typing import Any

import pytest

from loadtest.serving.points import LARGE, POINTS
from loadtest.serving.table import doubts, markdown
from tests.loadtest.serving.conftest import figures, stored


def rounds(count: int = 5, again: float = 1.0) -> list[dict[str, Any]]:
    servers = {"ours": 1000, "ours2": 1900, "ours_again": 1000 * again, "mosec": 500, "noop": 20_000}
    spread = (1.0, 1.01, 0.99, 1.0, 1.01)
    return [
        {
            name: {point: figures(rate * spread[number % 5], 1000 / rate) for point in ("1x1", "32x128")}
            for name, rate in servers.items()
        }
        for number in range(count)
    ]


def test_every_server_has_a_row_at_every_point_and_every_peer_a_ratio() -> None:
    table = markdown(stored(rounds()))
    for row in ("| ours | 1,002 [", "| mosec | 501 [", "| noop | 20,0", "| ours2 | 1,9"):
        assert table.count(f"\n{row}") == 2
    assert "| ours2 | 1,904 [1,884, 1,924] | 0.53 | 1.58 [1.58, 1.58] | 1.000 | 0.100 | 0 |" in table
    assert table.count("| point | mosec |") == 6  # requests, p50 and p99 of both: what answers two bytes is no peer
    assert "| One text" not in table
    assert table.count("| one text a request, 1 connection | 2.00 [2.00, 2.00] |") == 3
    assert table.count("| one text a request, 1 connection | 3.80 [3.80, 3.80] |") == 3
    assert "bentoml 1.4.39, mosec 0.9.8." in table
    assert doubts(stored(rounds())) == []


def test_it_is_drawn_from_what_is_stored_alone() -> None:
    result = stored(rounds())
    assert markdown(type(result).model_validate_json(result.model_dump_json())) == markdown(result)


@pytest.mark.parametrize(
    ("count", "again", "more", "said"),
    [
        (2, 1.0, {}, "proves nothing: an interval needs 3 rounds at least, and it has 2"),
        (
            5,
            1.08,
            {},
            "A/A control does not contain 1, or is wider than 0.9 to 1.1, in one text a request, 1 connection",
        ),
        (5, 1.0, {"complete": False}, "is incomplete: 5 of 5 rounds"),
    ],
)
def test_what_speaks_against_a_run_stands_above_its_tables(
    count: int, again: float, more: dict[str, Any], said: str
) -> None:
    result = stored(rounds(count, again), **more)
    (doubt,) = doubts(result)
    assert said in doubt
    assert markdown(result).startswith(f"**{doubt}**\n")


def test_failures_are_counted_over_the_rounds_and_hide_the_times() -> None:
    broken = figures(1000, 1, refused=3000, errors={"read": 2})
    table = markdown(stored([{"mosec": {"1x8": broken}}] * 3))
    assert "| mosec | 500 [500, 500] | – | – | 1.000 | 0.100 | 9,000 refused, 6 read |" in table


def test_who_was_left_out_is_said_and_has_no_column() -> None:
    result = stored(rounds())
    result.options.servers.append("litserve")
    result.left_out["litserve"] = "in round 1 it ended with exit code 1: no module"
    table = markdown(result)
    assert "Left out: litserve (in round 1 it ended with exit code 1: no module)." in table
    assert "| litserve" not in table


def test_large_requests_and_the_predictor_alone_have_tables_of_their_own() -> None:
    result = stored([{"ours": {"beside": figures(1000, 1), LARGE: figures(10, 100, requests=40)}}] * 3)
    for one in result.rounds:
        one.in_process["1x2"] = one.servers["ours"]["beside"]
    table = markdown(result)
    assert POINTS["beside"].says[1:] in table
    assert "*The requests of 1,000 texts beside them:*" in table
    assert "| one text a call, 2 processes | 1,000 [1,000, 1,000] |" in table
