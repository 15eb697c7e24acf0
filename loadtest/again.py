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

from loadtest.conditions import Disturbance, fingerprint, is_local, surroundings
from loadtest.connection import Address
from loadtest.errors import LoadTestError
from loadtest.interruption import stop_on_signals
from loadtest.known import VARIANT, VERSIONS, known_bench
from loadtest.measure import Bench, Load
from loadtest.options import CORPUS
from loadtest.pinning import pinned
from loadtest.progress import progress
from loadtest.result import write_json
from loadtest.rounds import Interval
from loadtest.schedule import rotated
from loadtest.summary import CONTROL_WITHIN, SINGLE_STREAM, by_kind, compared
from loadtest.target import choose, fetch_cards
from loadtest.traffic import Traffic

PUBLISHED = Path("loadtest/results/published/again.json")
NAMES = ("one", "other")
CONTAIN_SHARE = 17 / 20  # of the runs at least


def again(bench: Bench, variant: str, version: str, load: Load, rounds: int, seed: str) -> dict[str, list[dict[str, Any]]] | None:
    """Compare a variant with itself once, as a run compares two; None when interrupted."""
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number, order in enumerate(rotated(NAMES, rounds), 1):
        for name in order:
            measured = bench.measure({variant: 1.0}, {variant: version}, load, f"{seed}.{number}")
            if measured is None:
                return None
            if failures := measured[variant]["failures"]:
                raise LoadTestError(f"'{variant}' did not answer rightly ({by_kind(failures)}); check the service and the corpus")
            kept[name].append({"round": number, **measured[variant]})
    if _ratio(kept) is None:
        raise LoadTestError(f"too few answers of '{variant}' for an interval; give --seconds more or check the service")
    return kept


def markdown(kept: dict[str, Any]) -> str:
    """Return what the runs gave, from their rounds, as a table."""
    kept = kept | _verdict(kept["runs"])
    lines = [f"| A/A runs of {kept['variant']} | intervals that contain 1.00 | median half-width |", "|---:|---:|---:|"]
    return "\n".join([*lines, f"| {kept['of']} | {kept['contain_1']} | ±{kept['median_half_width']:.1%} |"]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; 1 when the intervals miss 1 too often or are too wide, 2 when it could not start or an answer was wrong."""
    given = _parse(arguments)
    try:
        kept = _all_runs(given)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if kept is None:
        return 130
    print(markdown(kept))
    print(json.dumps({key: value for key, value in kept.items() if key != "runs"}))
    return 0 if kept["holds"] else 1


def _all_runs(given: argparse.Namespace) -> dict[str, Any] | None:
    """Write the file after each run, so that what ends the rest leaves it."""
    stop, disturbance = stop_on_signals(), Disturbance()
    load = Load(given.warm_up, given.seconds)
    runs: list[dict[str, Any]] = []
    with ExitStack() as stack:
        if given.host is None:
            bench, variant, version = stack.enter_context(known_bench(stop)), VARIANT, VERSIONS[VARIANT]
        else:
            bench = Bench(Address.parse(given.host), Traffic(given.corpus), stop)
            variant = given.variant or next(iter(fetch_cards(bench.address)))
            cards = choose(fetch_cards(bench.address), [variant], bench.address)
            bench.traffic.check_build(cards)
            version = cards[variant]["version"]
        asked = fingerprint(bench.traffic.questions([variant]))
        kept = surroundings()  # before pinning, which leaves this process one core
        cores = stack.enter_context(pinned(bench.address, same_machine=is_local(bench.address.host)))
        kept |= {"host": str(bench.address), "cores": cores, "variant": variant, "version": version, "corpus_sha256": asked}
        kept |= {"rounds": given.rounds, "seconds": given.seconds}
        status = stack.enter_context(progress("A/A runs"))
        for number in range(given.runs):
            status.say(variant, number, given.runs)
            rounds = again(bench, variant, version, load, given.rounds, f"again.{number}")
            if rounds is None:
                return None
            runs.append({"rounds": rounds})
            kept |= {"disturbance": disturbance.share(), **_verdict(runs), "runs": runs}
            write_json(given.out, kept)
    return kept


def _verdict(runs: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [ratio for run in runs if (ratio := _ratio(run["rounds"]))]
    contain = sum(ratio.low <= 1 <= ratio.high for ratio in ratios)
    half_width = median((ratio.high - ratio.low) / 2 for ratio in ratios)
    holds = contain >= CONTAIN_SHARE * len(runs) and half_width <= CONTROL_WITHIN
    return {"contain_1": contain, "of": len(runs), "median_half_width": round(half_width, 5), "holds": holds}


def _ratio(rounds: dict[str, list[dict[str, Any]]]) -> Interval | None:
    one, other = (rounds[name] for name in NAMES)
    return compared(one, other, SINGLE_STREAM)


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
