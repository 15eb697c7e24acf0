"""Draw the tables, the pictures and the page of a run again from its result.json: `python -m loadtest.report loadtest/results/latest`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtest.curve import latency_against_throughput
from loadtest.ecdf import share_within_time
from loadtest.errors import LoadTestError
from loadtest.page import html
from loadtest.plot import latency_against_accuracy
from loadtest.result import Result, read_result
from loadtest.summary import RAMP, SINGLE_STREAM, measured
from loadtest.table import markdown
from loadtest.tail import p99_bars

TABLE, PAGE = "table.md", "report.html"
PICTURES: dict[str, tuple[str, Callable[[Result], bytes]]] = {
    "latency_accuracy.png": (SINGLE_STREAM, latency_against_accuracy),
    "latency_p99.png": (SINGLE_STREAM, p99_bars),
    "latency_ecdf.png": (SINGLE_STREAM, share_within_time),
    "latency_throughput.png": (RAMP, latency_against_throughput),
}


def draw(folder: Path) -> str:
    """Write table, pictures and page beside result.json and return the table."""
    result = read_result(folder)
    table = markdown(result)
    (folder / TABLE).write_text(table, encoding="utf-8")
    pictures = {name: picture(result) for name, (scenario, picture) in PICTURES.items() if measured(result, scenario)}
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)
    (folder / PAGE).write_text(html(result, pictures), encoding="utf-8")
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
