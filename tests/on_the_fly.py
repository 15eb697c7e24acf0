"""What compression on the fly takes, and what it costs callers: a service of two workers builds INT8 while it is asked
at half of what it can answer, in turns with nothing beside it; then INT8 and a student while nobody asks.

    python -m tests.on_the_fly [--rounds 3] [--variants variants] [--out service/results/published/on_the_fly.json]
"""

import argparse
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.bench.benchmark import open_build
from models.bench.factor import factor
from models.plan.plan import VariantPlan
from models.prove.latency import conditions
from models.runtime.store import read_build
from tests.callers import Asked, Callers
from tests.service.conftest import ROOT, serving

KEY = "0123456789abcdef0123456789abcdef"
ADMIN = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
TRY_S, QUIET_S, MOST_S = 8.0, 20.0, 1200.0
INT8 = [{"quantize": {}}]
ONE_LAYER = [{"distill": {"layers": 1, "epochs": 8, "batch_size": 32, "learning_rate": 5.0e-4, "transfer": 9_800}}]
TEXT = "where is my parcel, I ordered it a week ago"


def figures(asked: Sequence[Asked], first: float = 0.0, last: float = float("inf")) -> dict[str, Any]:
    """Return what requests met that were due between two points of time."""
    some = [one.seconds for one in asked if first <= one.due < last]
    cuts = statistics.quantiles(some, n=1000, method="inclusive")  # of few, the other one's last lies beyond all
    found = {f"p{share}_ms": round(cuts[int(float(share) * 10) - 1] * 1000, 3) for share in ("50", "99", "99.9")}
    return {"requests": len(some), **found}


def ask(host: str, method: str, path: str, content: object = None) -> Any:
    """Return the JSON of an answer to the operator."""
    body = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(host + path, body, ADMIN, method=method), timeout=600) as answer:
        return json.loads(answer.read() or b"null")


def build(host: str, folder: Path, name: str, passes: list[dict[str, Any]]) -> dict[str, Any]:
    """Build a variant, have it answer once, and remove it; return its state, the seconds from call to answer, and when
    workers began to load it.
    """
    began, published, before = time.monotonic(), None, (folder / "build.json").read_bytes()
    job = ask(host, "POST", "/variants", {"name": name, "passes": passes, "force": True})
    while (found := ask(host, "GET", f"/builds/{job['id']}"))["state"] in ("queued", "running"):
        if time.monotonic() - began > MOST_S:
            raise TimeoutError(f"'{name}' is {found['state']} after {MOST_S:.0f} s")
        if published is None and (folder / "build.json").read_bytes() != before:
            published = time.monotonic()
        time.sleep(0.2)
    took = None
    if found["state"] == "serving":
        ask(host, "POST", f"/{name}/predict", {"texts": [TEXT]})
        took = round(time.monotonic() - began, 1)
        ask(host, "DELETE", f"/variants/{name}")
    said = {"state": found["state"], "reason": found.get("reason", ""), "seconds_to_first_answer": took}
    return said | {"published": published or time.monotonic()}


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
            with Callers(host, names, TEXT).asking() as tried:
                time.sleep(TRY_S)
            rate = len(tried.asked) / tried.took / 2
            made: list[dict[str, Any]] = []
            for number in range(rounds):
                with Callers(host, names, TEXT, rate).asking() as quiet:
                    time.sleep(QUIET_S)
                with Callers(host, names, TEXT, rate).asking() as beside:
                    built = build(host, folder, f"fly{number}", INT8)
                forget(steps, finished)
                published = built.pop("published")
                failed = [*quiet.failed, *beside.failed]
                made.append(
                    {
                        **built,
                        "quiet": figures(quiet.asked),
                        "beside": figures(beside.asked),
                        "building": figures(beside.asked, last=published),
                        "loading": figures(beside.asked, first=published),
                        "failed": len(failed),
                        "failures": failed[:3],
                    }
                )
                print(json.dumps(made[-1]), file=sys.stderr)
            alone = {}
            for name, passes in (("int8", INT8), ("one_layer", ONE_LAYER)):
                alone[name] = build(host, folder, f"fly_{name}", passes)
                del alone[name]["published"]
                forget(steps, finished)
                print(json.dumps(alone), file=sys.stderr)
    longer = factor([one["beside"]["p99_ms"] for one in made], [one["quiet"]["p99_ms"] for one in made])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**conditions(), "python": platform.python_version()},
        "requests_per_s": round(rate, 1),
        "p99_times_as_long": {name: round(getattr(longer, name), 3) for name in ("value", "low", "high")},
        "rounds": made,
        "alone": alone,
    }


def forget(steps: Path, finished: set[Path]) -> None:
    """Remove what builds added to the finished steps: the next one is to do it again."""
    for step in set(steps.iterdir()) - finished:
        shutil.rmtree(step)


def main() -> int:
    """Measure, and keep; exit code 1 where a request failed or a build is not served."""
    parser = argparse.ArgumentParser(prog="python -m tests.on_the_fly", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", type=Path, default=Path("variants"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measure(given.variants, given.rounds)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    built = [*found["rounds"], *found["alone"].values()]
    return int(any(one.get("failed") or one["state"] != "serving" for one in built))


if __name__ == "__main__":
    sys.exit(main())
