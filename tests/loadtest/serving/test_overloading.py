"""An overload is offered, what is answered is counted, and others are asked beside it."""

from collections.abc import Callable, Sequence
from typing import Any

import psutil
import pytest

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving import overloading, probing
from loadtest.serving.overloading import goodput, goodput_of_its_time, markdown, overload, times_of
from loadtest.serving.running import Running, Setting
from loadtest.serving.servers import OURS_2, SERVERS, Server
from loadtest.serving.telling import telling
from tests.loadtest.serving.conftest import needs_wrk


def one(**more: Any) -> dict[str, Any]:
    probes = {
        "predict": [(429, float(number)) for number in range(1, 101)] + [(200, 900.0), (probing.NO_ANSWER, 30000.0)],
        "livez": [(200, 1.0), (200, 9.0)],
        "metrics": [],
    }
    given = {"capacity": [100.0, 140.0], "times": 10, "connections": 1000, "seconds": 10.0, "errors": {"read": 2}}
    given |= {"capacity_cores": [1.8, 2.0], "cores": 1.52}
    return {**given, "statuses": {"200": 1140, "429": 9000, "503": 5}, "probes": probes, **more}


def test_goodput_is_a_share_of_the_capacity_before_and_after() -> None:
    assert goodput(one()) == pytest.approx(0.95)
    assert goodput(one(statuses={"429": 3})) == 0
    assert goodput_of_its_time(one()) == pytest.approx(0.95 * 1.9 / 1.52)


def test_the_table_says_what_came_of_it() -> None:
    table = markdown({"variants": {"teacher": one(), "nano": one(statuses={"200": 600})}})
    assert "| more than can be done, two workers | teacher | nano |" in table
    assert "| capacity before and after, requests/s | 100 and 140 | 100 and 140 |" in table
    assert "| came, requests/s | 1,014, 10.1 times | 60, 0.6 times |" in table
    assert "| answered, of the capacity | 95% | 50% |" in table
    assert "| answered, of the capacity in the CPU time it had | 119% (1.52 cores) | 62% (1.52 cores) |" in table
    assert "| refused (429), other answers, no answer | 9,000, 5, 2 | 0, 0, 2 |" in table
    assert "| a refusal, p50 and p99 | 50.0, 99.0 ms (of 100) |" in table
    assert "| `/livez`, p50 and p99 | 1.0, 9.0 ms (of 2) |" in table
    assert "| `/metrics`, p50 and p99 | – | – |" in table
    assert "| none of them in time | 1 | 1 |" in table
    assert times_of(one(), "predict", 200) == [900.0]


def test_a_service_that_is_gone_is_said_in_a_sentence() -> None:
    gone = Running("http://127.0.0.1:1/nano/predict", psutil.Process())
    with pytest.raises(LoadTestError, match="did not answer /metrics under load"):
        overloading.answered(gone)


@needs_wrk
def test_a_server_is_overloaded_and_asked_beside_it(
    canned: Callable[..., Server],
    setting: Setting,
    questions: Sequence[Question],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("CAPACITY_S", 1), ("LEAD_S", 0.2), ("CONNECTIONS", 4), ("MOST_CONNECTIONS", 16)):
        monkeypatch.setattr(overloading, name, value)
    monkeypatch.setitem(SERVERS, OURS_2, canned())
    with telling() as told:
        kept = overload(setting, questions, 2, 2.0, 1, told)
    assert kept["connections"] == 16
    assert kept["statuses"]["200"] > 0
    assert min(kept["capacity"]) > 0
    assert {status for probes in kept["probes"].values() for status, _ in probes} == {200}
    assert len(kept["probes"]["livez"]) == round(2 / probing.EVERY_S["livez"])
    assert markdown({"variants": {"int8": kept}}).startswith("| more than can be done, two workers | int8 |\n")
