import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.serving.bodies import bodies, write_bodies
from loadtest.serving.running import Setting, running
from loadtest.serving.servers import Server
from loadtest.serving.wrk import Load, NoLoadError, figures_of, find_wrk, last_line, run, wrk_version
from tests.loadtest.serving.conftest import needs_wrk

COUNTED = {
    **{"requests": 2000, "microseconds": 2_000_000, "refused": 20, "connect": 0, "read": 3, "write": 0, "timeout": 0},
    **{"mean": 1000, "p50": 900, "p90": 1500, "p99": 2500.5, "p999": 4000},
}


def test_what_wrk_counted_is_read_in_seconds_and_milliseconds() -> None:
    figures = figures_of("Running 2s test\n  1 threads\n" + json.dumps(COUNTED) + "\n")
    assert (figures.requests, figures.seconds, figures.refused, figures.errors) == (2000, 2.0, 20, {"read": 3})
    assert (figures.mean_ms, figures.p50_ms, figures.p99_ms, figures.p999_ms) == (1.0, 0.9, 2.5005, 4.0)
    assert figures.per_second == 990  # refusals are no answers
    assert figures.failed == 23


def test_without_an_answer_there_are_no_times() -> None:
    figures = figures_of(json.dumps(COUNTED | {"requests": 0, "refused": 0, "timeout": 8}))
    assert (figures.per_second, figures.p50_ms, figures.is_timed, figures.errors["timeout"]) == (0, None, False, 8)


@pytest.mark.parametrize("out", ["", "Requests/sec: 12", "[]", '{"requests": 1}'])
def test_what_is_no_count_is_said(out: str) -> None:
    with pytest.raises(LoadTestError, match="printed no figures"):
        figures_of(out)


def test_a_missing_wrk_is_one_sentence_that_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LoadTestError, match="install the Debian package wrk"):
        find_wrk()


def test_the_last_line_of_a_log_fits_into_a_sentence() -> None:
    assert last_line("first\nlast \n\n") == "last"
    assert last_line("") == "no message"
    assert len(last_line("x" * 999)) == 200


def asked_of(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


@needs_wrk
def test_wrk_sends_one_text_after_another_and_counts_refusals_and_connections(
    tmp_path: Path, canned: Callable[..., Server], setting: Setting, questions: tuple[Question, ...]
) -> None:
    file = write_bodies(tmp_path, questions, [1], "1")[1]
    with running(canned("refusing"), setting, questions[0].text) as started:
        asked_of(started.url)  # forgets what was asked at the start
        figures = run(Load(started.url, file, connections=2, seconds=1, close=True))
        seen = asked_of(started.url)
    assert wrk_version()
    assert figures.requests > 0
    assert seen["connections"] > 0.9 * figures.requests  # the system gives a port more than once
    # In turn, but for two that are on their way when it ends; at first wrk asks its script for one to look at.
    in_turn = islice(cycle(bodies(questions, 1, "1")), 1, 1 + len(seen["asked"]))
    assert (Counter(seen["asked"]) - Counter(in_turn)).total() <= 2
    assert figures.refused == pytest.approx(len(seen["asked"]) / 3, rel=0.3, abs=2)
    assert figures.is_timed is (figures.refused == 0)
    assert figures.wrk_cpu_s is not None
    assert figures.p50_ms is not None
    with pytest.raises(NoLoadError, match="wrk ended with exit code 1"):
        run(Load(started.url, file, connections=1, seconds=1))  # the server has ended
