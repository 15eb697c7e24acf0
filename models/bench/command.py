"""Compare all variants and controls in one run: `python -m models.bench [--variants DIR] [--dataset S] [--rounds N]
[--out FILE]`.
"""

import argparse
import sys
from pathlib import Path

from models.bench.benchmark import bench
from models.bench.comparison import control_verdict, print_comparison
from models.runtime.errors import BonsaiError
from models.runtime.files import check_place, write_result
from models.runtime.store import OUT

PUBLISHED = Path(__file__).parents[1] / "results" / "published"
ROUNDS = 5
LEAST_ROUNDS = 3
TEXTS = 250  # timed one at a time
TRANSFER = 36_000  # variations that controls learn from at the most: three teachers read them in three minutes


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line (BonsaiError where a number is unusable)."""
    parser = argparse.ArgumentParser(
        prog="python -m models.bench", description="Compare all variants of a build and the control rows in one run."
    )
    parser.add_argument("--variants", type=Path, default=OUT, help="the folder of a finished build (default: variants)")
    parser.add_argument("--dataset", help="where the build's data set stands now (default: where the build found it)")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"how often every row has its turn (default: {ROUNDS})"
    )
    parser.add_argument(
        "--texts", type=int, default=TEXTS, help=f"how many texts are timed one at a time (default: {TEXTS})"
    )
    parser.add_argument(
        "--transfer",
        type=int,
        default=TRANSFER,
        help=f"how many of the students' transfer texts controls learn from at the most (default: {TRANSFER:,})",
    )
    parser.add_argument("--out", type=Path, help="result file (default: models/results/published/<data set>.json)")
    options = parser.parse_args(arguments)
    for name, least in (("rounds", LEAST_ROUNDS), ("texts", 1), ("transfer", 0)):
        if (given := getattr(options, name)) < least:
            raise BonsaiError(f"--{name} is {given}; expected at least {least}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when its A/A control is not 1.00 or too wide to say so, 2 for what the user can
    repair, 130 after Ctrl-C.
    """
    try:
        options = parse(arguments)
        check_place(options.out or PUBLISHED / "x.json")
        result = bench(options.variants, options.dataset, options.rounds, options.texts, options.transfer)
        out = options.out or PUBLISHED / f"{result['name']}.json"
        write_result(out, result)
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is written", file=sys.stderr)
        return 130
    print_comparison(result, out)
    return 0 if control_verdict(result).holds else 1
