"""What loading without a restart costs callers: build.json alternates between two builds while they predict; requests
that failed or waited are counted, and what the workers hold before and after.

    python -m tests.swaps [--swaps 200] [--variants variants] [--out service/results/published/swaps.json]
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from models.prove.latency import conditions
from models.runtime.card import read_card
from models.runtime.files import write_json
from tests.callers import Asked, Callers
from tests.service.conftest import ROOT, serving
from tests.service.serving.test_operation import workers

RATE, TEXT = 80.0, "where is my parcel"  # requests a second
WARM = 10  # swaps after which memory is looked at first; growth is over the second half, when it has had its fill
SETTLE_S = 3.0
MOST_S = 120.0
SLOWEST = 10  # requests that are named


def two_builds(variants: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the build of a folder, and what is left of it without half of the variants that no other one needs."""
    first = json.loads((variants / "build.json").read_text())
    cards = {name: read_card(variants / name) for name in first["variants"]}
    needed = {"teacher"}
    for card in cards.values():
        if card.cascade is not None:
            needed |= {card.name, card.cascade.small, card.cascade.large}
    gone = [name for name in cards if name not in needed][::2]
    if not gone:
        gone = [name for name in cards if cards[name].cascade is not None]
    kept = {name: variant for name, variant in first["variants"].items() if name not in gone}
    return first, {**first, "variants": kept}


def swap(variants: Path, swaps: int) -> dict[str, Any]:
    """Return what callers met, and what the workers hold."""
    builds = two_builds(variants)
    with tempfile.TemporaryDirectory(prefix="bonsai-swaps-") as place:
        folder = Path(place) / "variants"
        shutil.copytree(variants, folder, ignore=shutil.ignore_patterns(".steps", "report.html"))
        generation = 1
        write_json(folder / "build.json", {**builds[0], "generation": generation})
        environment = {"BONSAI_VARIANTS": str(folder), "BONSAI_WORKERS": "2"}
        bentoml = Path(sys.executable).with_name("bentoml")
        log = Path(place) / "log.txt"
        with serving("service.service:bonsai", ROOT, environment, bentoml, log) as host:
            _await(host, generation)
            with Callers(host, list(builds[1]["variants"]), TEXT, RATE).asking() as callers:
                time.sleep(SETTLE_S)
                held = [_held(host)]
                spans = list[tuple[float, float]]()
                for number in range(1, swaps + 1):
                    generation += 1
                    began = time.monotonic()
                    write_json(folder / "build.json", {**builds[number % 2], "generation": generation})
                    _await(host, generation)
                    spans.append((began, time.monotonic()))
                    if number in (WARM, swaps // 2, swaps):
                        time.sleep(SETTLE_S)
                        held.append(_held(host))
        asked, failures = callers.asked, callers.failed
        p50 = {
            name: statistics.median(each.seconds for each in asked if each.variant == name)
            for name in builds[1]["variants"]
        }
        # A slow variant's usual time is another one's tenfold: each request is held against its own variant's.
        times = [(each.seconds / p50[each.variant], _inside(each, spans), each) for each in asked]
        during = [ratio for ratio, inside, _ in times if inside]
        return {
            "machine": {**conditions(), "python": platform.python_version()},
            "swaps": swaps,
            "variants": [len(build["variants"]) for build in builds],
            "requests": len(asked),
            "failed": len(failures),
            "failures": failures[:5],
            "p50_ms": {name: round(median * 1000, 3) for name, median in p50.items()},
            "slowest_at_swaps": round(max(during), 1),
            "p99_at_swaps": round(statistics.quantiles(during, n=100)[-1], 1),
            "slowest_between": round(max(ratio for ratio, inside, _ in times if not inside), 1),
            "slowest": [
                {"variant": each.variant, "ms": round(each.seconds * 1000, 1), "times": round(ratio, 1)}
                for ratio, _, each in sorted(times, reverse=True)[:SLOWEST]
            ],
            "beyond_10": sum(ratio > 10 for ratio in during),
            "seconds_a_swap": round(statistics.mean(end - began for began, end in spans), 2),
            "uss_mb": [round(each["uss"], 1) for each in held],
            "pss_mb": [round(each["pss"], 1) for each in held],
            "uss_growth_mb": round(held[-1]["uss"] - held[-2]["uss"], 1),
            "descriptors": [each["descriptors"] for each in held],
            "threads": [each["threads"] for each in held],
        }


def _inside(asked: Asked, spans: list[tuple[float, float]]) -> bool:
    return any(began <= asked.due + asked.seconds and asked.due <= end for began, end in spans)


def _await(host: str, generation: int) -> None:
    """Wait until all workers serve this generation."""
    until = time.monotonic() + MOST_S
    while True:
        with urllib.request.urlopen(f"{host}/variants", timeout=600) as answer:
            found = json.load(answer)
        if found["generation"] == generation and found["workers"] == found["all_workers"]:
            return
        if time.monotonic() > until:
            raise TimeoutError(f"generation {generation} is not served everywhere after {MOST_S:.0f} s")
        time.sleep(0.1)


def _held(host: str) -> dict[str, float]:
    """Return what both workers hold together: memory in MB, open files and threads."""
    found: list[psutil.Process] = workers(host)
    memory = [each.memory_full_info() for each in found]
    return {
        "uss": sum(each.uss for each in memory) / 1e6,
        "pss": sum(each.pss for each in memory) / 1e6,
        "descriptors": sum(each.num_fds() for each in found),
        "threads": sum(each.num_threads() for each in found),
    }


def main() -> int:
    """Swap, count, keep; exit code 1 where a request failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.swaps", description=__doc__)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--variants", type=Path, default=Path("variants"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = {**swap(given.variants, given.swaps), "date": datetime.now(UTC).date().isoformat()}
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    return int(found["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
