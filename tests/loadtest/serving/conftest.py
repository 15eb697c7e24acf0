"""A server with canned answers, started as the comparison starts its own, and stored rounds."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest.ask.corpus import Question, read_corpus
from loadtest.serving import running
from loadtest.serving.result import Result
from loadtest.serving.running import Setting
from loadtest.serving.servers import Server

CANNED = Path(__file__).with_name("canned.py")
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk, of the Debian package wrk")


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LOOK_S", 0.05)  # a canned server has no workers that still load


@pytest.fixture
def canned(corpus_file: Path) -> Callable[..., Server]:
    """Servers that agree with the corpus, or differ from it in some way."""
    return lambda *kinds: Server("canned", ("python", str(CANNED), "{port}", str(corpus_file), *kinds), apart=False)


@pytest.fixture
def setting(corpus_file: Path) -> Setting:
    return Setting(corpus_file.parent, "int8", Path(sys.executable))


@pytest.fixture
def questions(corpus_file: Path) -> tuple[Question, ...]:
    return read_corpus(corpus_file)


def figures(rate: float, p50: float, *, requests: int = 6000, **more: Any) -> dict[str, Any]:
    """What a server did in one round: its p99 is three times its p50."""
    times = {"mean_ms": p50, "p50_ms": p50, "p90_ms": 2 * p50, "p99_ms": 3 * p50, "p999_ms": 4 * p50}
    cpu = {"server_cpu_s": requests * 0.001, "wrk_cpu_s": requests * 0.0001}
    return {"requests": requests, "seconds": requests / rate, **times, **cpu, **more}


def stored(rounds: list[dict[str, Any]], *, complete: bool = True, **more: Any) -> Result:
    """A result with these rounds, each from servers to points to figures."""
    names = list(dict.fromkeys(name for one in rounds for name in one))
    points = list(dict.fromkeys(point for one in rounds for each in one.values() for point in each))
    asked = {
        "variant": "nano",
        "servers": names,
        "points": points,
        "rounds": len(rounds),
        "seconds": 3,
        "warm_up": 1,
        "seed": 1,
    }
    about = {
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "Abacus 9", "cores": 4, "usable_cores": 2},
        "system": "Linux",
        "python": "3.11.9",
        "wrk": "4.1.0",
        "libraries": {"bentoml": "1.4.39"},
        "peers": {"mosec": "0.9.8"},
        "corpus": {"texts": 30, "sha256": "0" * 64, "build": "abc"},
    }
    return Result.model_validate(
        {
            "complete": complete,
            "conditions": about,
            "options": asked,
            "rounds": [{"order": names, "servers": one} for one in rounds],
            **more,
        }
    )
