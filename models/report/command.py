"""Draw the report of a finished build from its stored files: `python -m models.report [--out DIR]`."""

import argparse
import sys
from pathlib import Path

from models.report.page import write_report
from models.runtime.errors import BonsaiError
from models.runtime.store import OUT


def main(arguments: list[str] | None = None) -> int:
    """Draw the report of one build."""
    parser = argparse.ArgumentParser(
        prog="python -m models.report", description="Draw the report of a finished build again."
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the variants' folder (default: variants)")
    try:
        print(write_report(parser.parse_args(arguments).out))
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
