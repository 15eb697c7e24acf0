"""Draw the table, the picture and the page of a run again from its result.json: `python -m loadtest.report loadtest/results/latest`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.errors import LoadTestError
from loadtest.page import html
from loadtest.plot import latency_against_accuracy
from loadtest.result import read_result
from loadtest.table import markdown

TABLE, PICTURE, PAGE = "table.md", "latency_accuracy.png", "report.html"


def draw(folder: Path) -> str:
    """Write table, picture and page beside result.json and return the table."""
    result = read_result(folder)
    table, picture = markdown(result), latency_against_accuracy(result)
    (folder / TABLE).write_text(table, encoding="utf-8")
    (folder / PICTURE).write_bytes(picture)
    (folder / PAGE).write_text(html(result, picture), encoding="utf-8")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the run named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.report", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("loadtest/results/latest"), help="a run's folder (default: %(default)s)")
    folder = parser.parse_args(arguments).folder
    try:
        print(draw(folder))
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
