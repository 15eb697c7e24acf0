import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.ask.corpus import read_corpus
from loadtest.errors import LoadTestError
from loadtest.serving import in_process
from loadtest.serving.bodies import write_bodies
from loadtest.serving.running import Setting

TIMES = st.lists(st.integers(1, 10**9), min_size=1, max_size=200)


@given(st.lists(TIMES, min_size=1, max_size=2))
def test_percentiles_are_those_of_all_processes_calls(taken: list[list[int]]) -> None:
    figures = in_process.figures_of(taken, 2.0, 1.0)
    all_of_them = [time / 1e6 for each in taken for time in each]
    assert figures.requests == len(all_of_them)
    assert figures.per_second == len(all_of_them) / 2
    found = [figures.p50_ms, figures.p90_ms, figures.p99_ms, figures.p999_ms]
    assert found == sorted(found)  # type: ignore[type-var]
    assert figures.p50_ms is not None
    assert sum(time <= figures.p50_ms + 1e-3 for time in all_of_them) >= len(all_of_them) / 2
    assert figures.p999_ms is not None
    assert figures.p999_ms <= max(all_of_them) + 1e-3


def test_two_processes_classify_at_once(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "TEXTS", (32,))
    monkeypatch.setattr(in_process, "PROCESSES", (2,))
    files = write_bodies(tmp_path, read_corpus(built / "corpus.jsonl"), [32], "1")
    found = in_process.measure(Setting(built, "cascade", Path(sys.executable)), files, 0.2)
    assert list(found) == ["32x2"]
    assert found["32x2"].requests >= 2  # on a busy machine no more than one of each
    assert found["32x2"].server_cpu_s is not None


def test_a_predictor_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    file = tmp_path / "1.jsonl"
    file.write_text(json.dumps({"texts": ["x"]}) + "\n", encoding="utf-8")
    with pytest.raises(LoadTestError, match=r"does not work in a process of its own .*card.json"):
        in_process.measure(Setting(tmp_path, "nano", Path(sys.executable)), {1: file, 32: file}, 0.1)
