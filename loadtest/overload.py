"""What the service does with many times the load that it can take: `python -m loadtest.overload` offers two workers ten
times their capacity, a variant after another.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.ask.options import SEED, positive, whole
from loadtest.measurement.conditions import surroundings
from loadtest.serving.command import OWN_LIBRARIES
from loadtest.serving.keeping import keep, questions_of
from loadtest.serving.overloading import markdown, overload
from loadtest.serving.running import Setting
from loadtest.serving.telling import telling
from loadtest.serving.wrk import wrk_version

PUBLISHED = Path("loadtest/results/published/overload.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Overload, keep and show; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.overload", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--variants", type=Path, default=Path("variants"), help="the folder of a finished build")
    parser.add_argument("--variant", nargs="+", default=["teacher", "nano"], metavar="NAME", help="what is asked")
    parser.add_argument("--seconds", type=whole, default=20, help="length of the overload")
    parser.add_argument("--times", type=positive, default=10.0, help="how many times the capacity is offered")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    given = parser.parse_args(arguments)

    def measure() -> dict[str, Any]:
        about = {**surroundings(OWN_LIBRARIES), "wrk": wrk_version()}
        questions, found = questions_of(given.variants, *given.variant), {}
        with telling() as told:
            for variant in given.variant:
                setting = Setting(given.variants, variant, Path(sys.executable))
                found[variant] = overload(setting, questions, given.seconds, given.times, given.seed, told)
        return {**about, "variants": found}

    return keep(given.out, measure, markdown)


if __name__ == "__main__":
    sys.exit(main())
