"""Draw the tables, the pictures and the page of a run again from its result.json: `python -m loadtest.report
loadtest/results/latest`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.show.report import draw


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the run named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.report", description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("loadtest/results/latest"),
        help="a run's folder (default: %(default)s)",
    )
    folder = parser.parse_args(arguments).folder
    try:
        print(draw(folder))
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
