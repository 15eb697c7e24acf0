"""Does the comparison find a difference where there is none? `python -m loadtest.again` compares a variant with itself,
twenty times over.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported

from loadtest.ask.options import CORPUS, seconds, several, whole
from loadtest.ask.traffic import Traffic
from loadtest.checks.again import Rounds, again, markdown, verdict
from loadtest.checks.known import VARIANT, VERSIONS, known_bench
from loadtest.errors import LoadTestError
from loadtest.measurement.bench import Bench
from loadtest.measurement.conditions import Watch, fingerprint, is_local, surroundings
from loadtest.measurement.interruption import stop_on_signals
from loadtest.measurement.pinning import pinned
from loadtest.measurement.progress import progress
from loadtest.numbers.files import check_place, write_json
from loadtest.scenarios.load import Load
from loadtest.users.address import Address
from loadtest.users.target import choose, fetch_cards, versions

PUBLISHED = Path("loadtest/results/published/again.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; 1 when the intervals miss 1 too often or are too wide, 2 when it could not start or an
    answer was wrong.
    """
    given = _parse(arguments)
    try:
        check_place(given.out)
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
    stop, watch = stop_on_signals(), Watch()
    load = Load(given.warm_up, given.seconds)
    runs: list[Rounds] = []
    with ExitStack() as stack:
        if given.host is None:
            bench, variant, version = stack.enter_context(known_bench(stop)), VARIANT, VERSIONS[VARIANT]
        else:
            bench = Bench(Address.parse(given.host), Traffic(given.corpus), stop)
            variant = given.variant or next(iter(fetch_cards(bench.address)))
            cards = choose(fetch_cards(bench.address), [variant], bench.address)
            bench.traffic.check_build(versions(cards))
            version = cards[variant].version
        asked = fingerprint(bench.traffic.questions([variant]))
        kept = surroundings()  # before pinning, which leaves this process one core
        cores = stack.enter_context(pinned(bench.address, same_machine=is_local(bench.address.host)))
        kept |= {
            "host": str(bench.address),
            "cores": cores.model_dump(exclude_none=True),
            "variant": variant,
            "version": version,
            "corpus_sha256": asked,
        }
        kept |= {"rounds": given.rounds, "seconds": given.seconds}
        status = stack.enter_context(progress("A/A runs"))
        for number in range(given.runs):
            status.say(variant, number, given.runs)
            rounds = again(bench, variant, version, load, given.rounds, f"again.{number}")
            if rounds is None:
                return None
            runs.append(rounds)
            found = [
                {"rounds": {name: [one.model_dump(exclude_none=True) for one in those] for name, those in run.items()}}
                for run in runs
            ]
            kept |= {"disturbance": watch.share().model_dump(), **verdict(runs), "runs": found}
            write_json(given.out, kept)
    return kept


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.again", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--host", default=None, help="a running service (default: a server that does nothing)")
    parser.add_argument("--variant", default=None, help="the variant (default: the first that is served)")
    parser.add_argument("--corpus", default=CORPUS, help="test texts with each variant's expected label")
    parser.add_argument("--runs", type=whole, default=20, help="how often")
    parser.add_argument("--rounds", type=several, default=5, help="rounds of each run, from 2 on")
    parser.add_argument("--seconds", type=seconds, default=2.0, help="length of one measurement")
    parser.add_argument(
        "--warm-up", type=seconds, default=0.5, help="seconds before each measurement that do not count"
    )
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
