"""Were a variant's figures slower in another run? `python -m loadtest.compare OLD NEW` exits 1 when they were: when a
figure's whole interval lies more than 3 % below the old run's. What is neither slower nor faster is not resolved.

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
from loadtest.figures.change import Change, is_slower
from loadtest.figures.changes import TOLERANCE, changes, check_comparable, differences
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
        help="share by which a figure may differ: slower has its whole interval beyond it (default: %(default)g)",
    )
    parser.add_argument(
        "--anyway", action="store_true", help="compare runs of other machines, other texts or with failures too"
    )
    given = parser.parse_args(arguments)
    try:
        if not 0 <= given.tolerance < 1:
            raise LoadTestError(f"--tolerance is {given.tolerance:g}; expected a share, from 0 to below 1")
        old, new = read_result(given.old), read_result(given.new)
        if not given.anyway:
            check_comparable(old, new)
        found = changes(old, new, relative=given.relative, tolerance=given.tolerance)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{markdown(found)}\n\n{COVERED}")
    if differing := differences(old, new):  # --anyway
        print(f"warning: the runs differ in their {', '.join(differing)}", file=sys.stderr)
    return 1 if is_slower(found) else 0


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
