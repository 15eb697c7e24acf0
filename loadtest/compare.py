"""Were a variant's figures slower in another run? `python -m loadtest.compare OLD NEW` exits 1 when they were, by more
than the rounds' spread and 3 % explain.

Rounds of one run are no replicates of runs: what differs from run to run, from the machine's temperature to a restart
of the service, is in no interval here. Whether a *service* became slower is for `python -m loadtest.run --host NEW
--against OLD` to say, which measures both in turns.

Server's rate is known as what the rounds confirmed and what was clearly too much: it was slower when what is too much
now lies below what was confirmed before.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.figures.changes import TOLERANCE, Change, changes, check_comparable
from loadtest.numbers.run_folder import read_result

COVERED = (
    "The intervals cover the spread of rounds within these two runs, not what differs from one run to the next; "
    "'slower' is said of these runs. To compare the services: `python -m loadtest.run --host NEW --against OLD`."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two runs; 0: none is slower, 1: one is, 2: they cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="a run's folder")
    parser.add_argument("new", type=Path, help="another's")
    parser.add_argument(
        "--relative",
        action="store_true",
        help="compare each variant's ratio to its run's baseline, for machines that change",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="share by which a figure may differ whatever its interval (default: %(default)g)",
    )
    parser.add_argument(
        "--anyway", action="store_true", help="compare runs of other machines, other texts or with failures too"
    )
    given = parser.parse_args(arguments)
    try:
        old, new = read_result(given.old), read_result(given.new)
        if not given.anyway:
            check_comparable(old, new)
        found = changes(old, new, relative=given.relative, tolerance=given.tolerance)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{markdown(found)}\n\n{COVERED}")
    return 1 if any(change.verdict == "slower" for change in found) else 0


def markdown(found: Sequence[Change]) -> str:
    """Return the changes as a table."""
    lines = ["| variant | scenario | figure | speed (old = 1) | p, Holm | |", "|---|---|---|---:|---:|---|"]
    for change in found:
        ratio = f"{change.ratio.value:.3f} [{change.ratio.low:.3f}, {change.ratio.high:.3f}]"
        lines.append(
            f"| {change.variant} | {change.scenario} | {change.figure} | {ratio} | "
            f"{'–' if change.p is None else f'{change.p:.3f}'} | {change.verdict} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
