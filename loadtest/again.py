"""Does the comparison find a difference where there is none? `python -m loadtest.again` compares a variant with itself, twenty times over."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported
from rich.progress import track

from loadtest.conditions import Disturbance, is_local, machine
from loadtest.connection import Address
from loadtest.errors import LoadTestError
from loadtest.interruption import stop_on_signals
from loadtest.known import VARIANT, VERSIONS, known_bench
from loadtest.measure import Bench, Load
from loadtest.options import CORPUS
from loadtest.pinning import pinned
from loadtest.ratio import Ratio, speed_ratio
from loadtest.result import write_json
from loadtest.schedule import rotated
from loadtest.summary import SINGLE_STREAM, per_round
from loadtest.target import choose, fetch_cards
from loadtest.traffic import Traffic

PUBLISHED = Path("loadtest/results/published/again.json")
NAMES = ("one", "other")


def again(bench: Bench, variant: str, version: str, load: Load, rounds: int, seed: str) -> tuple[Ratio, dict[str, list[dict[str, Any]]]] | None:
    """Compare a variant with itself once, as a run compares two; None when interrupted."""
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number, order in enumerate(rotated(NAMES, rounds), 1):
        for name in order:
            measured = bench.measure({variant: 1.0}, {variant: version}, load, f"{seed}.{number}")
            if measured is None:
                return None
            kept[name].append({"round": number, **measured[variant]})
    times = [list(per_round(kept[name], SINGLE_STREAM).values()) for name in NAMES]
    if len(times[0]) != len(times[1]) or (ratio := speed_ratio(*times)) is None:
        raise LoadTestError(f"too few answers of '{variant}' for an interval; give --seconds more or check the service")
    return ratio, kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; 2 when it could not start."""
    given = _parse(arguments)
    try:
        kept = _all_runs(given)
        if kept is None:
            return 130
        write_json(given.out, kept)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({key: value for key, value in kept.items() if key != "runs"}))
    return 0


def _all_runs(given: argparse.Namespace) -> dict[str, Any] | None:
    stop, disturbance = stop_on_signals(), Disturbance()
    load = Load(given.warm_up, given.seconds)
    runs: list[dict[str, Any]] = []
    with ExitStack() as stack:
        if given.host is None:
            bench, variant, version = stack.enter_context(known_bench(stop)), VARIANT, VERSIONS[VARIANT]
        else:
            bench = Bench(Address.parse(given.host), Traffic(given.corpus), stop)
            variant = given.variant or next(iter(fetch_cards(bench.address)))
            version = choose(fetch_cards(bench.address), [variant], bench.address)[variant]["version"]
            bench.traffic.questions([variant])
        cores = stack.enter_context(pinned(bench.address, same_machine=is_local(bench.address.host)))
        for number in track(range(given.runs), "A/A runs", disable=not sys.stderr.isatty(), auto_refresh=False):
            found = again(bench, variant, version, load, given.rounds, f"again.{number}")
            if found is None:
                return None
            ratio, rounds = found
            runs.append({"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "rounds": rounds})
    return {
        "machine": machine(),
        "disturbance": disturbance.share(),
        "cores": cores,
        "variant": variant,
        "rounds": given.rounds,
        "seconds": given.seconds,
        "contain_1": sum(run["low"] <= 1 <= run["high"] for run in runs),
        "of": len(runs),
        "median_half_width": round(median((run["high"] - run["low"]) / 2 for run in runs), 5),
        "runs": runs,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.again", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--host", default=None, help="a running service (default: a server that does nothing)")
    parser.add_argument("--variant", default=None, help="the variant (default: the first that is served)")
    parser.add_argument("--corpus", default=CORPUS, help="test texts with each variant's expected label")
    parser.add_argument("--runs", type=int, default=20, help="how often")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each run, from 2 on")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before each measurement that do not count")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
