"""A long load is held at its share, and what the processes hold is counted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving import soaking
from loadtest.serving.result import Figures
from loadtest.serving.running import Setting
from loadtest.serving.servers import OURS_2, SERVERS, Server
from loadtest.serving.soaking import growth, markdown, sliced, soak
from loadtest.serving.telling import telling
from loadtest.serving.wrk import Load
from tests.loadtest.serving.conftest import figures, needs_wrk


def one(uss: float, **more: Any) -> dict[str, Any]:
    return {
        **figures(2000, 1.0, requests=20_000, refused=0, errors={}),
        "workers": [{"uss": int(uss * 5e5), "pss": 10**8, "files": 20}] * 2,
        **more,
    }


def test_growth_is_what_ten_minutes_bring_once_it_is_settled() -> None:
    settled = [one(100 + 0.1 * number) for number in range(12)]
    assert growth(settled, 60) == pytest.approx(1.0, abs=1e-3)
    assert growth([one(50), one(90), *[one(100)] * 9], 60) == pytest.approx(0.0, abs=1e-9)
    assert growth([one(1)], 60) != growth([one(1)], 60)  # of one slice nothing is known


def test_the_table_says_load_tail_and_what_is_held() -> None:
    slices = [one(100), one(100, p999_ms=40.0), one(100, refused=3, errors={"timeout": 2})]
    table = markdown({"capacity": 3000, "share": 0.7, "slice_s": 10, "slices": slices})
    assert "| load | 2,000 requests/s, 67% of 3,000 |" in table
    assert "| requests, failed | 60,000, 5 |" in table
    assert "| p50, p99, p99.9 of a slice (median) | 1.00, 3.00, 4.00 ms |" in table
    assert "| the same of the worst slice | 1.00, 3.00, 40.00 ms |" in table
    assert "| memory of all processes together (PSS) | 200 MB |" in table
    assert "| open files, settled and at the end | 40, 40 |" in table


@pytest.mark.parametrize(
    ("refused", "bad", "counts"), [(0, 0, True), (11, 0, False), (19, 0.01, True), (21, 0.01, False)]
)
def test_a_capacity_is_of_requests_that_do_not_fail_but_for_those_that_are_bad(
    refused: int, bad: float, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Load) -> Figures:
        return Figures.model_validate(figures(1000, 1.0, requests=1000, refused=refused, errors={}))

    monkeypatch.setattr(soaking, "run", run)
    load = Load("http://127.0.0.1:1", Path("bodies"), 1, 1)
    process: Any = None  # of which nothing is asked: there is no slice
    with telling() as told:
        if counts:
            assert sliced(process, load, 0, 1, 0.5, told, bad=bad)["slices"] == []
            return
        with pytest.raises(LoadTestError, match=f"{refused} of 1000 requests failed under the load"):
            sliced(process, load, 0, 1, 0.5, told, bad=bad)


def test_a_load_is_held_at_its_share_by_what_each_connection_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, rates = list[int](), iter([1000, 1000, 500, 625, 400, 500])

    def run(load: Load) -> Figures:
        pauses.append(load.pause_ms)
        return Figures.model_validate(figures(next(rates), 2.0))

    monkeypatch.setattr(soaking, "run", run)
    monkeypatch.setattr(soaking, "held", lambda _: [])
    process: Any = None  # of which nothing is asked
    with telling() as told:
        kept = sliced(process, Load("http://127.0.0.1:1", Path("bodies"), 10, 1), 4, 1, 0.5, told)
    # Of 20 ms from one request of a connection to its next half an answer's 2 ms are gone, on average.
    assert pauses == [0, 0, 19, 19, 23, 18]
    assert (kept["capacity"], len(kept["slices"])) == (1000, 4)


@needs_wrk
def test_a_load_is_put_on_slice_by_slice_and_what_is_held_is_kept(
    canned: Callable[..., Server],
    setting: Setting,
    questions: Sequence[Question],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(soaking, "CAPACITY_S", 1)
    monkeypatch.setattr(soaking, "CONNECTIONS", 8)
    monkeypatch.setitem(SERVERS, OURS_2, canned())
    with telling() as told:
        kept = soak(setting, questions, 3, 1, 0.3, 1, told)
    assert len(kept["slices"]) == 3
    assert all(each["requests"] > 0 for each in kept["slices"])
    assert all(worker["uss"] > 0 and worker["files"] > 0 for each in kept["slices"] for worker in each["workers"])
    assert markdown(kept).startswith("| a long load | |\n")
