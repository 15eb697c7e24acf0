"""What compression on the fly takes, and what it costs callers: a service of two workers builds variants while it is
asked at half of what it can answer, in turns with nothing beside it.

    python -m tests.on_the_fly [--rounds 5] [--variants variants] [--out service/results/published/on_the_fly.json]
"""

import argparse
import http.client
import json
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models.bench.benchmark import open_build
from models.bench.factor import factor
from models.plan.plan import VariantPlan
from models.prove.latency import conditions
from models.runtime.store import read_build
from tests.service.conftest import ROOT, serving

KEY = "0123456789abcdef0123456789abcdef"
ADMIN = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
CALLERS, TRY_S, QUIET_S, MOST_S = 2, 8.0, 20.0, 1200.0
INT8 = [{"quantize": {}}]
ONE_LAYER = [{"distill": {"layers": 1, "epochs": 8, "batch_size": 32, "learning_rate": 5.0e-4, "transfer": 9_800}}]
TEXT = json.dumps({"texts": ["where is my parcel, I ordered it a week ago"]})


class Callers:
    """Ask variants in turn, at a rate or as fast as they answer; a request counts from when it was due."""

    def __init__(self, host: str, names: list[str], rate: float | None) -> None:
        self._address, self._names, self._rate = urlsplit(host).netloc, names, rate
        self._numbers, self._end = count(), threading.Event()
        self.seconds: list[float] = []
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CALLERS)]

    @contextmanager
    def asking(self) -> Iterator["Callers"]:
        """Ask until the block ends."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.took = time.monotonic() - self._began
            self._end.set()
            for thread in self._threads:
                thread.join(60)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        while not self._end.is_set():
            number = next(self._numbers)
            due = time.monotonic() if self._rate is None else self._began + number / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                path = f"/{self._names[number % len(self._names)]}/predict"
                connection.request("POST", path, TEXT, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 200:
                    self.failed.append(f"{answer.status} {said[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
                connection.close()
            self.seconds.append(time.monotonic() - due)

    def figures(self) -> dict[str, Any]:
        """Return what they met."""
        cuts = statistics.quantiles(self.seconds, n=100)
        return {
            "requests": len(self.seconds),
            "seconds": round(self.took, 1),
            "p50_ms": round(cuts[49] * 1000, 3),
            "p99_ms": round(cuts[98] * 1000, 3),
            "failed": len(self.failed),
            "failures": self.failed[:3],
        }


def ask(host: str, method: str, path: str, content: object = None) -> Any:
    """Return the JSON of an answer to the operator."""
    body = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(host + path, body, ADMIN, method=method), timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def build(host: str, name: str, passes: list[dict[str, Any]]) -> dict[str, Any]:
    """Build a variant, have it answer once, and remove it; return its state and the seconds from call to answer."""
    began = time.monotonic()
    job = ask(host, "POST", "/variants", {"name": name, "passes": passes, "force": True})
    while (found := ask(host, "GET", f"/builds/{job['id']}"))["state"] in ("queued", "running"):
        if time.monotonic() - began > MOST_S:
            raise TimeoutError(f"'{name}' is {found['state']} after {MOST_S:.0f} s")
        time.sleep(0.2)
    took = None
    if found["state"] == "serving":
        ask(host, "POST", f"/{name}/predict", json.loads(TEXT))
        took = round(time.monotonic() - began, 1)
        ask(host, "DELETE", f"/variants/{name}")
    return {"state": found["state"], "reason": found.get("reason", ""), "seconds_to_first_answer": took}


def quantized(variants: Path) -> str:
    """Return the key of the step that makes INT8 of the teacher."""
    plans = open_build(variants, None)[1].variants
    return next(one.graph_keys[-1] for one in plans if isinstance(one, VariantPlan) and one.name == "int8")


def measure(variants: Path, rounds: int) -> dict[str, Any]:
    """Return the times of the builds, and of callers with and without one beside them."""
    with tempfile.TemporaryDirectory(prefix="bonsai-on-the-fly-") as place:
        folder = Path(place) / "variants"
        shutil.copytree(variants, folder, ignore=shutil.ignore_patterns("report.html"))
        names, steps = list(read_build(folder).variants), folder / ".steps"
        shutil.rmtree(steps / quantized(folder), ignore_errors=True)
        finished = set(steps.iterdir())
        environment = {"BONSAI_VARIANTS": str(folder), "BONSAI_WORKERS": "2", "BONSAI_ADMIN_KEY": KEY}
        bentoml = Path(sys.executable).with_name("bentoml")
        with serving("service.service:bonsai", ROOT, environment, bentoml, Path(place) / "log.txt") as host:
            with Callers(host, names, None).asking() as tried:
                time.sleep(TRY_S)
            rate = len(tried.seconds) / tried.took / 2
            made: list[dict[str, Any]] = []
            for number in range(rounds):
                kind, passes = ("one layer", ONE_LAYER) if number == rounds - 1 else ("int8", INT8)
                with Callers(host, names, rate).asking() as quiet:
                    time.sleep(QUIET_S)
                with Callers(host, names, rate).asking() as beside:
                    built = build(host, f"fly{number}", passes)
                for step in set(steps.iterdir()) - finished:  # the next round is to do it again
                    shutil.rmtree(step)
                made.append({"build": kind, **built, "quiet": quiet.figures(), "beside": beside.figures()})
                print(json.dumps(made[-1]), file=sys.stderr)
    longer = factor([one["beside"]["p99_ms"] for one in made], [one["quiet"]["p99_ms"] for one in made])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**conditions(), "python": platform.python_version()},
        "rate": round(rate, 1),
        "p99_times_as_long": {
            "value": round(longer.value, 3),
            "low": round(longer.low, 3),
            "high": round(longer.high, 3),
        },
        "rounds": made,
    }


def main() -> int:
    """Measure, and keep; exit code 1 where a request failed or a build is not served."""
    parser = argparse.ArgumentParser(prog="python -m tests.on_the_fly", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="the last one builds a student, the others INT8")
    parser.add_argument("--variants", type=Path, default=Path("variants"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measure(given.variants, given.rounds)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    return int(any(one["beside"]["failed"] or one["state"] != "serving" for one in found["rounds"]))


if __name__ == "__main__":
    sys.exit(main())
