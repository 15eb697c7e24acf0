"""How many requests a second this generator can send and check on this machine: `python -m loadtest.ceiling` measures
it against a server that does nothing.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported

from loadtest.ask.options import seconds, whole
from loadtest.checks.ceiling import CONNECTIONS, ceiling
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import Watch, surroundings
from loadtest.measurement.interruption import stop_on_signals
from loadtest.measurement.open_files import allow_connections
from loadtest.measurement.progress import progress
from loadtest.numbers.files import check_place, write_json

PUBLISHED = Path("loadtest/results/published/ceiling.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the ceiling and keep it."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.ceiling", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=seconds, default=10.0, help="length of each of the three measurements, in three rounds"
    )
    parser.add_argument("--processes", type=whole, default=1, help="generator processes")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    given = parser.parse_args(arguments)
    watch = Watch()
    try:
        check_place(given.out)
        allow_connections(CONNECTIONS)
        with progress("ceiling") as status:
            found = ceiling(stop_on_signals(), status, given.seconds, given.processes)
        if found is None:
            return 130
        rates = found.rates.model_dump() | found.model_dump(exclude={"rates"}, exclude_none=True)
        kept = {**surroundings(), "disturbance": watch.share().model_dump(), "ceiling": rates}
        write_json(given.out, kept)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
