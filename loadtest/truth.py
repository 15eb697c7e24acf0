"""Does the load test tell the truth? `python -m loadtest.truth` asks a server that pauses and knows its own times, in
an open loop and in a closed one.

The truth is the server's own log, from when each request was meant to start to when its answer was written, with the
queue before it. The closed loop is what Locust users do by habit, `constant_throughput` at the same rate: while the
server pauses it sends nothing, and so it misses most of what a pause does.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported

from loadtest.ask.options import seconds
from loadtest.checks.truth import markdown, truth
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import Watch, surroundings
from loadtest.measurement.progress import progress
from loadtest.numbers.files import check_place, write_json

PUBLISHED = Path("loadtest/results/published/truth.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; 1 when the open loop missed the truth or the pause."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.truth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=60.0,
        help="length of each of the two measurements (default: %(default)g; p99 needs 12 at least)",
    )
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it (default: %(default)s)")
    given = parser.parse_args(arguments)
    watch = Watch()
    try:
        check_place(given.out)
        with progress("truth") as status:
            found = truth(given.seconds, status)
        if found is None:
            return 130
        kept = {**surroundings(), "disturbance": watch.share().model_dump(), **found}
        write_json(given.out, kept)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(kept))
    print(json.dumps({key: value for key, value in kept.items() if key != "raw"}))
    return 0 if kept["within"] and kept["pause_shows"] else 1


if __name__ == "__main__":
    sys.exit(main())
